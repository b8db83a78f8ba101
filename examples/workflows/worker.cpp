// SPDX-License-Identifier: BSL-1.0

// A worker that has all the workflows of this folder, each of which is a header to read. What it connects to is in its
// environment: TEMPORAL_ADDRESS, or a file temporal.toml.

#include "approval.hpp"
#include "batch.hpp"
#include "hello.hpp"
#include "long_poll.hpp"
#include "party.hpp"
#include "saga.hpp"
#include "versioned.hpp"

#include <mayfly/temporal/run_worker.hpp>
#include <mayfly/temporal/workflows.hpp>

//[workflow_worker
int main()
{
    return mayfly::temporal::run_worker({"examples", "build-1"}, [](mayfly::temporal::worker_setup& worker) {
        worker.options.task_queue = "examples";
        worker.options.default_behavior = mayfly::versioning_behavior::pinned;

        worker.activity("greet", hello::greet);
        worker.workflow("greeting", hello::greeting);
        //<-
        worker.activity("book_flight", saga::book_flight);
        worker.activity("book_hotel", saga::book_hotel);
        worker.activity("cancel_booking", saga::cancel_booking);
        worker.workflow("book", saga::book);

        worker.activity("remind", approval::remind);
        worker.workflow<approval::expense>("expense");

        worker.activity("process", batch::process);
        worker.workflow("all_records", batch::all_records);

        worker.activity("watch", long_poll::watch);
        worker.workflow("wait_for_job", long_poll::wait_for_job);

        worker.workflow<party::party>("party");

        worker.activity("price", versioned::price);
        worker.activity("with_tax", versioned::with_tax);
        worker.workflow(
            "bill", versioned::bill, mayfly::temporal::workflow_options{mayfly::versioning_behavior::auto_upgrade});
        //->
    });
}
//]
