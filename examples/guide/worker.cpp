// SPDX-License-Identifier: BSL-1.0

// The worker of the guide. Which build it is, the build says: -DBUILD_ID="build-1".

#include <mayfly/temporal/run_worker.hpp>

#include <iostream>
#include <string>

//[guide_worker
static std::string greet(const std::string& name)
{
    std::clog << "greets " << name << std::endl;
    return "Hello, " + name + "! Yours, " + BUILD_ID;
}

int main()
{
    return mayfly::temporal::run_worker({"greeter", BUILD_ID}, [](mayfly::temporal::worker_setup& worker) {
        worker.options.task_queue = "greetings";
        worker.activity("greet", greet);
    });
}
//]
