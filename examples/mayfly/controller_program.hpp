// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "controller_metrics.hpp"
#include "controller_settings_read.hpp"
#include "namespace_driver.hpp"

#include <mayfly/aws/config.hpp>
#include <mayfly/aws/session.hpp>
#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/files.hpp>
#include <mayfly/environment.hpp>
#include <mayfly/http/message.hpp>
#include <mayfly/http/server.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

/// `mayfly controller run`: namespaces, what is served of them, and signals.
class controller_program {
public:
    explicit controller_program(controller_arguments given) : given_(std::move(given)) {}

    /// Until a signal. Returns the exit status.
    int run()
    {
        auto settings = read();
        if (!settings)
            return refuse(settings.problems());
        const mayfly::problems wrong = take(*settings);
        if (!wrong.empty())
            return refuse(wrong);
        if (const std::string failed = serve(); !failed.empty()) {
            std::fprintf(stderr, "mayfly controller: %s\n", failed.c_str());
            return 1;
        }
        for (const namespace_settings& n : context_->settings.namespaces)
            begin(n);
        context_->log(level::info, "controller started",
            {{"identity", context_->settings.identity}, {"namespaces", drivers_.size()}});
        hear_reload();
        ending_.async_wait([this](boost::system::error_code ec, int) {
            if (!ec)
                end();
        });
        io_.run();
        return status_;
    }

private:
    using level = controller_log::level;
    using driver = std::shared_ptr<namespace_driver>;

    static int refuse(const mayfly::problems& wrong)
    {
        for (const mayfly::problem& p : wrong)
            std::fprintf(stderr, "mayfly controller: %s\n", to_string(p).c_str());
        return 2;
    }

    [[nodiscard]] mayfly::checked<controller_settings> read() const
    {
        return read_controller_settings(given_, mayfly::environment::of_process(), mayfly::config::read_file);
    }

    /// Makes these the settings, and what follows from them for all namespaces. What cannot be used changes nothing.
    mayfly::problems take(const controller_settings& s)
    {
        const bool first = context_->aws == nullptr;
        auto aws = context_->aws;
        if (first || s.aws != context_->settings.aws) {
            mayfly::aws::session_options how{.session_name = s.aws.session_name};
            for (const intermediary_role& r : s.aws.intermediary_roles)
                how.intermediary_roles.push_back(
                    {.role_arn = r.role_arn, .session_name = r.session_name, .external_id = r.external_id});
            auto session = mayfly::aws::default_session::open(
                io_.get_executor(), mayfly::aws::config::read(mayfly::environment::of_process()), std::move(how));
            if (!session)
                return session.problems();
            aws = *session;
        }
        if (first || s.record != context_->settings.record) {
            std::optional<flight_file> record;
            if (!s.record.file.empty()) {
                record.emplace(s.record.file, std::uint64_t{s.record.max_mib} << 20U);
                if (const std::string failed = record->failed(); !failed.empty())
                    return {{"record.file", mayfly::config::detail::shown(s.record.file),
                        "cannot be written: " + failed + "; name a file that can, or leave it out"}};
            }
            context_->record = std::move(record);
            context_->record_fails = false;
        }
        context_->aws = std::move(aws);
        context_->log.set(s.log, s.log_is_json);
        context_->settings = s;
        for (const mayfly::problem& p : s.warnings)
            context_->log(level::warning, "setting", {{"detail", to_string(p)}});
        return {};
    }

    void begin(const namespace_settings& n, handed_on from = {})
    {
        drivers_.push_back(std::make_shared<namespace_driver>(io_.get_executor(), context_, n));
        drivers_.back()->start(std::move(from));
    }

    /// Begins again with what the settings say by now, once whoever drove this namespace has ended: whatever was said
    /// meanwhile, it has one driver.
    void begin_again(const std::string& name, handed_on from)
    {
        const auto& all = context_->settings.namespaces;
        const auto wanted = std::find_if(
            all.begin(), all.end(), [&](const namespace_settings& n) { return n.to.name_space.value == name; });
        if (!ended_ && wanted != all.end() && !driven(name))
            begin(*wanted, std::move(from));
    }

    [[nodiscard]] bool driven(const std::string& name) const
    {
        const auto called = [&](const driver& d) { return d->name() == name; };
        return std::any_of(drivers_.begin(), drivers_.end(), called);
    }

    // ---- signals

    void hear_reload()
    {
        reload_.async_wait([this](boost::system::error_code ec, int) {
            if (ec)
                return;
            reload();
            hear_reload();
        });
    }

    /// A file that cannot be used changes nothing.
    void reload()
    {
        const auto read_anew = read();
        if (!read_anew) {
            return context_->log(
                level::error, "the settings stay as they are", {{"detail", to_string(read_anew.problems())}});
        }
        const controller_settings before = context_->settings;
        controller_settings after = *read_anew;
        if (mayfly::problems wrong = take(after); !wrong.empty())
            return context_->log(level::error, "the settings stay as they are", {{"detail", to_string(wrong)}});
        if (before.health != after.health)
            serve_elsewhere(before.health);
        const bool all = before.aws != after.aws || before.lease != after.lease || before.identity != after.identity ||
                         before.look_every != after.look_every ||
                         before.start_up_allowance != after.start_up_allowance ||
                         before.validate_every != after.validate_every || before.scaler != after.scaler;
        std::vector<driver> old = std::exchange(drivers_, {});
        for (const driver& d : old) {
            const auto next = std::find_if(after.namespaces.begin(), after.namespaces.end(),
                [&](const namespace_settings& n) { return n.to.name_space.value == d->name(); });
            if (all || next == after.namespaces.end() || !same(*next, d->settings())) {
                // It keeps itself until it has ended; only then does another one take its place.
                leaving_.insert(d->name());
                d->stop([this, name = d->name()](handed_on from) {
                    leaving_.erase(name);
                    begin_again(name, std::move(from));
                });
            } else {
                drivers_.push_back(d);
                d->settle();
            }
        }
        for (const namespace_settings& n : after.namespaces)
            if (!driven(n.to.name_space.value) && !leaving_.contains(n.to.name_space.value))
                begin(n);
        context_->log(level::info, "settings taken", {{"namespaces", after.namespaces.size()}});
    }

    void end()
    {
        context_->log(level::info, "ending");
        ended_ = true;
        reload_.cancel();
        left_ = drivers_.size();
        for (const driver& d : drivers_)
            d->stop([this](const handed_on&) {
                if (--left_ == 0)
                    finish();
            });
        if (drivers_.empty())
            finish();
        // Who says it twice is in a hurry.
        ending_.async_wait([this](boost::system::error_code ec, int) {
            if (!ec) {
                status_ = 1;
                io_.stop();
            }
        });
    }

    void finish()
    {
        if (server_)
            server_->async_stop([this](boost::system::error_code) { ending_.cancel(); });
        else
            ending_.cancel();
    }

    // ---- what is served

    std::string serve()
    {
        const health_settings& h = context_->settings.health;
        if (!h.on)
            return {};
        server_ = std::make_unique<mayfly::http::server>(
            io_.get_executor(), [this](mayfly::http::request r) { return answer(std::move(r)); },
            mayfly::http::server_options{.address = h.address,
                .port = h.port,
                .header_limit = std::size_t{8} * 1024,
                .body_limit = 1024,
                .max_connections = 64,
                .idle_timeout = std::chrono::seconds{5},
                .request_timeout = std::chrono::seconds{5},
                .write_timeout = std::chrono::seconds{10},
                .stop_grace = std::chrono::milliseconds{500}});
        if (const auto ec = server_->listen()) {
            server_.reset();
            return "health.address is " + h.address + " port " + std::to_string(h.port) + ": cannot listen there (" +
                   ec.message() + "); give another one, or off";
        }
        const bool v6 = h.address.find(':') != std::string::npos;
        context_->log(level::info, "health is served",
            {{"address", (v6 ? '[' + h.address + ']' : h.address) + ':' + std::to_string(server_->port())}});
        return {};
    }

    /// Where the new settings say; if that cannot be, where it was.
    void serve_elsewhere(const health_settings& before)
    {
        auto old = std::move(server_);
        if (before.port == context_->settings.health.port)
            old.reset();  // it would be in the way
        const std::string failed = serve();
        if (failed.empty())
            return;
        context_->log(level::error, "health is served where it was", {{"detail", failed}});
        context_->settings.health = before;
        server_ = std::move(old);
        if (!server_)
            if (const std::string again = serve(); !again.empty())
                context_->log(level::error, "health is not served", {{"detail", again}});
    }

    boost::asio::awaitable<mayfly::http::response> answer(mayfly::http::request r)
    {
        const std::string target(r.target());
        const std::string path = target.substr(0, target.find('?'));
        if (r.method() != mayfly::http::verb::get && r.method() != mayfly::http::verb::head)
            co_return text(405, "only GET and HEAD are answered\n");
        if (path == "/healthz")
            co_return text(200, "ok\n");
        if (path == "/readyz")
            co_return readiness();
        if (path == "/metrics")
            co_return text(200, controller_metrics_text(drivers_, context_->settings.most_series),
                "text/plain; version=0.0.4; charset=utf-8");
        if (path == "/status")
            co_return text(200, to_json(status(target)), "application/json");
        co_return text(404, "there are /healthz, /readyz, /metrics and /status\n");
    }

    static mayfly::http::response text(
        unsigned status, std::string body, std::string_view type = "text/plain; charset=utf-8")
    {
        mayfly::http::response out{static_cast<mayfly::http::status>(status), 11};
        out.set(mayfly::http::field::content_type, {type.data(), type.size()});
        out.set(mayfly::http::field::cache_control, "no-store");
        out.body() = std::move(body);
        out.prepare_payload();
        return out;
    }

    /// A line for each namespace. Standing by is being ready.
    [[nodiscard]] mayfly::http::response readiness() const
    {
        std::string lines;
        bool ready = !drivers_.empty();
        for (const driver& d : drivers_) {
            ready = ready && d->ready();
            lines.append(d->name()).append(": ").append(to_string(d->role()));
            if (d->role() == controller_role::leader && !d->ready() && d->problem().empty())
                lines += ", reading versions";
            lines.append(d->problem().empty() ? "" : ", " + d->problem()).append("\n");
        }
        return text(ready ? 200 : 503, std::move(lines));
    }

    [[nodiscard]] controller_status status(std::string_view target) const
    {
        const status_filter about = filter_of(target);
        controller_status out{.identity = context_->settings.identity,
            .started = utc_text(started_),
            .now = utc_text(std::chrono::system_clock::now())};
        for (const driver& d : drivers_)
            if (about.takes(d->name()))
                out.namespaces.push_back(d->status(about));
        return out;
    }

    controller_arguments given_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set ending_{io_, SIGINT, SIGTERM};
    boost::asio::signal_set reload_{io_, SIGHUP};
    std::shared_ptr<controller_context> context_ = std::make_shared<controller_context>();
    std::vector<driver> drivers_{};
    std::set<std::string> leaving_{};  // namespaces whose driver has not ended yet
    std::unique_ptr<mayfly::http::server> server_{};
    std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
    std::size_t left_ = 0;
    int status_ = 0;
    bool ended_ = false;
};

}  // namespace examples
