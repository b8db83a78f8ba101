// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_read.hpp>
#include <mayfly/testing/workload.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mayfly::testing {

/// One thing that is wrong with a workload.
struct workload_problem {
    std::string workload;  ///< Its id, or its place in the file if it has none, or "the file".
    std::string key;       ///< Where, like `start.connect.sigma`.
    std::string value;     ///< What stands there.
    std::string remedy;    ///< What may stand there.

    [[nodiscard]] std::string what() const
    {
        std::string out = workload;
        if (!key.empty())
            out += ": " + key;
        if (!value.empty())
            out += " is " + value;
        return out + ": " + remedy;
    }
};

struct workload_file {
    std::vector<workload> workloads;
    std::vector<workload_problem> problems;  ///< Empty if the whole file could be read.

    [[nodiscard]] explicit operator bool() const noexcept { return problems.empty(); }
};

namespace detail {

using mayfly::detail::json_value;

/// Reads the members of one object after the other and notes what is wrong, with its path.
class workload_reader {
public:
    explicit workload_reader(std::vector<workload_problem>& problems) : problems_(problems) {}

    void defaults(const json_value& v, workload& out)
    {
        name_ = "defaults";
        if (object(v, {"worker", "start", "provider", "queue"}))
            settings(v, out);
    }

    void read(const json_value& v, std::size_t place, workload& out)
    {
        name_ = "workload " + std::to_string(place);
        if (!object(v, {"id", "note", "seed", "duration", "grace", "max_workers", "activity_timeout", "arrivals",
                           "service", "worker", "start", "provider", "queue", "check", "bounds", "measured"}))
            return;
        text(v, "id", out.id);
        if (!out.id.empty())
            name_ = out.id;
        else
            problem("id", v.find("id"), "give every workload a name");
        if (out.id.find_first_of("/\\\"\n\r\t") != std::string::npos)
            problem("id", v.find("id"), "leave out slashes, quotes and line ends");
        text(v, "note", out.note);
        const json_value* const seed = v.find("seed");
        const auto number = seed != nullptr ? seed->as<std::uint64_t>() : std::nullopt;
        if (number)
            out.seed = *number;
        else
            problem("seed", seed, "give a whole number from 0 to 2^64 - 1");
        if (v.find("duration") == nullptr)
            problem("duration", nullptr, "say how long arrivals may happen, in seconds");
        seconds(v, "duration", out.duration);
        seconds(v, "grace", out.grace);
        integer(v, "max_workers", out.max_workers, 1, 1'000'000);
        if (v.find("activity_timeout") != nullptr)
            seconds(v, "activity_timeout", out.activity_timeout.emplace());
        if (const json_value* a = required(v, "arrivals")) {
            const scope in(*this, "arrivals");
            arrivals(*a, out.arrivals, true);
            const double n = expected_draws(out.arrivals);
            if (n > max_tasks)
                problem("", nullptr, "about " + std::to_string(n) + " tasks; at most 5000000 can be run");
        }
        if (const json_value* s = required(v, "service"))
            sample(*s, "service", out.service);
        settings(v, out);
        numbers(v, "check", out.check);
        numbers(v, "bounds", out.bounds);
        measured(v, out);
    }

private:
    // Adds to the path for as long as it lives.
    class scope {
    public:
        scope(workload_reader& r, std::string_view key) : reader_(r), length_(r.path_.size())
        {
            if (!r.path_.empty() && key.front() != '[')
                r.path_ += '.';
            r.path_ += key;
        }
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;
        ~scope() { reader_.path_.resize(length_); }

    private:
        workload_reader& reader_;
        std::size_t length_;
    };

    static std::string index(std::size_t i) { return '[' + std::to_string(i) + ']'; }

    static std::string shown(const json_value* v)
    {
        if (v == nullptr)
            return {};
        if (v->is_number())
            return v->text.substr(0, 40);
        if (v->is_string())
            return '"' + v->text.substr(0, 40) + '"';
        return std::string(to_string(v->is));
    }

    void problem(std::string_view key, const json_value* at, std::string remedy)
    {
        if (problems_.size() >= 100)
            return;  // nobody reads more, and a hostile file could ask for millions
        std::string path = path_;
        if (!key.empty())
            path += (path.empty() ? "" : ".") + std::string(key);
        problems_.push_back({name_, std::move(path), shown(at), std::move(remedy)});
    }

    bool object(const json_value& v, std::initializer_list<std::string_view> known)
    {
        if (!v.is_object()) {
            problem("", &v, "an object is expected here");
            return false;
        }
        for (std::size_t i = 0; i < v.keys.size(); ++i) {
            if (std::find(known.begin(), known.end(), v.keys[i]) != known.end())
                continue;
            std::string list;
            for (const std::string_view k : known)
                list += (list.empty() ? "" : ", ") + std::string(k);
            problem(v.keys[i], nullptr, "no such key; known here are " + list);
        }
        return true;
    }

    const json_value* required(const json_value& in, std::string_view key)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            problem(key, nullptr, "is missing");
        return v;
    }

    void text(const json_value& in, std::string_view key, std::string& out)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_string())
            out = v->text;
        else
            problem(key, v, "a string is expected");
    }

    void real(const json_value& in, std::string_view key, double& out, double lo, double hi)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_number() && v->number >= lo && v->number <= hi)
            out = v->number;
        else
            problem(key, v, "a number " + range(lo, hi) + " is expected");
    }

    static std::string range(double lo, double hi)
    {
        const auto number = [](double x) {
            std::string s = std::to_string(x);
            s.erase(s.find_last_not_of('0') + 1);
            if (s.back() == '.')
                s.pop_back();
            return s;
        };
        return "from " + number(lo) + " to " + number(hi);
    }

    void seconds(const json_value& in, std::string_view key, uptime& out, double lo = 0)
    {
        double s = in_seconds(out);
        real(in, key, s, lo, longest);
        out = micros(s);
    }

    template <class Integer>
    void integer(const json_value& in, std::string_view key, Integer& out, double lo, double hi)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (v->is_number() && v->number >= lo && v->number <= hi && v->number == std::floor(v->number))
            out = static_cast<Integer>(v->number);
        else
            problem(key, v, "a whole number " + range(lo, hi) + " is expected");
    }

    // Calls `each(element, i)` for every element of the list; an element's path ends in its index.
    template <class F>
    void list(const json_value& in, std::string_view key, F each)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (!v->is_array())
            return problem(key, v, "a list is expected");
        for (std::size_t i = 0; i < v->items.size(); ++i) {
            const scope at(*this, std::string(key) + index(i));
            each(v->items[i], i);
        }
    }

    void reals(const json_value& in, std::string_view key, std::vector<double>& out, double lo, double hi)
    {
        list(in, key, [&](const json_value& v, std::size_t) {
            if (v.is_number() && v.number >= lo && v.number <= hi)
                out.push_back(v.number);
            else
                problem("", &v, "a number " + range(lo, hi) + " is expected");
        });
    }

    // The fields that a kind must have; everything else is a wrong key.
    bool fields(const json_value& v, std::initializer_list<std::string_view> must,
        std::initializer_list<std::string_view> may = {})
    {
        bool whole = true;
        std::vector<std::string_view> known(must);
        known.insert(known.end(), may);
        known.emplace_back("kind");
        for (const std::string_view k : must)
            whole = required(v, k) != nullptr && whole;
        for (const std::string& k : v.keys) {
            if (std::find(known.begin(), known.end(), k) == known.end()) {
                problem(k, nullptr, "this kind has no such key");
                whole = false;
            }
        }
        return whole;
    }

    void sample(const json_value& v, std::string_view key, distribution& to)
    {
        using enum distribution::kind;
        const scope at(*this, key);
        const std::string kind = kind_of(v);
        distribution out;
        const std::size_t before = problems_.size();
        if (kind == "const") {
            fields(v, {"v"});
            real(v, "v", out.a, 0, longest);
        } else if (kind == "exp") {
            out.is = exponential;
            fields(v, {"mean"});
            real(v, "mean", out.a, 0, longest);
        } else if (kind == "lognormal") {
            out.is = lognormal;
            fields(v, {"median", "sigma"}, {"cap"});
            real(v, "median", out.a, 0, longest);
            real(v, "sigma", out.b, 0, 20);
            real(v, "cap", out.cap, 0, longest);
        } else if (kind == "uniform") {
            out.is = uniform;
            fields(v, {"lo", "hi"});
            real(v, "lo", out.a, 0, longest);
            real(v, "hi", out.b, out.a, longest);
        } else if (kind == "pareto") {
            out.is = pareto;
            fields(v, {"xm", "alpha"}, {"cap"});
            real(v, "xm", out.a, 0, longest);
            real(v, "alpha", out.b, 0.05, 1e6);
            real(v, "cap", out.cap, 0, longest);
        } else if (kind == "mix") {
            out.is = mix;
            fields(v, {"p", "of"});
            reals(v, "p", out.p, 0, 1);
            list(v, "of", [&](const json_value& d, std::size_t) { sample(d, "", out.of.emplace_back()); });
            if (out.p.empty() || out.p.size() != out.of.size())
                problem("p", nullptr, "one chance for each distribution in \"of\" is needed, and at least one");
            double sum = 0;
            for (const double p : out.p)
                sum += p;
            if (std::abs(sum - 1) > 1e-6)
                problem("p", nullptr, "the chances must sum to 1");
        } else if (!kind.empty()) {
            problem("kind", v.find("kind"), "one of const, exp, lognormal, uniform, pareto, mix is expected");
        }
        if (problems_.size() == before)
            to = std::move(out);
    }

    std::string kind_of(const json_value& v)
    {
        if (!v.is_object()) {
            problem("", &v, "an object with a \"kind\" is expected here");
            return {};
        }
        const json_value* const kind = required(v, "kind");
        if (kind == nullptr)
            return {};
        if (!kind->is_string() || kind->text.empty()) {
            problem("kind", kind, "a name is expected");
            return {};
        }
        return kind->text;
    }

    void arrivals(const json_value& v, arrival_spec& out, bool chain_allowed)
    {
        using enum arrival_spec::kind;
        const std::string kind = kind_of(v);
        if (kind == "at") {
            out.is = at;
            fields(v, {"events"});
            list(v, "events", [&](const json_value& e, std::size_t) {
                if (!object(e, {"t", "n", "spread"}))
                    return;
                arrival_spec::event& event = out.events.emplace_back();
                required(e, "t");
                real(e, "t", event.t, 0, longest);
                integer(e, "n", event.n, 0, 1e9);
                real(e, "spread", event.spread, 0, longest);
            });
        } else if (kind == "poisson") {
            out.is = poisson;
            fields(v, {"segments"}, {"start"});
            real(v, "start", out.start, 0, longest);
            list(v, "segments", [&](const json_value& s, std::size_t) {
                if (!object(s, {"until", "rate"}))
                    return;
                arrival_spec::segment& segment = out.segments.emplace_back();
                required(s, "until");
                required(s, "rate");
                real(s, "until", segment.until, 0, longest);
                real(s, "rate", segment.rate, 0, fastest);
            });
        } else if (kind == "sine") {
            out.is = sine;
            fields(v, {"mean", "amp", "period", "until"}, {"phase"});
            real(v, "mean", out.mean, 0, fastest);
            real(v, "amp", out.amp, 0, 1000);
            real(v, "period", out.period, 1e-6, longest);
            real(v, "phase", out.phase, -1e6, 1e6);
            real(v, "until", out.until, 0, longest);
        } else if (kind == "mmpp") {
            out.is = mmpp;
            fields(v, {"rates", "dwell", "until"});
            reals(v, "rates", out.rates, 0, fastest);
            reals(v, "dwell", out.dwell, 1e-6, longest);
            real(v, "until", out.until, 0, longest);
            if (out.dwell.empty() || out.rates.size() != out.dwell.size()) {
                problem("dwell", nullptr, "one for each rate is needed, and at least one");
                out = {};
            }
        } else if (kind == "minutes") {
            out.is = minutes;
            fields(v, {"counts"}, {"width"});
            real(v, "width", out.width, 0, longest);
            list(v, "counts", [&](const json_value& c, std::size_t) {
                if (c.is_number() && c.number >= 0 && c.number <= 1e9 && c.number == std::floor(c.number))
                    out.counts.push_back(static_cast<std::uint64_t>(c.number));
                else
                    problem("", &c, "a whole number from 0 to 1000000000 is expected");
            });
        } else if (kind == "sum") {
            out.is = sum;
            fields(v, {"of"});
            list(v, "of", [&](const json_value& p, std::size_t) { arrivals(p, out.of.emplace_back(), chain_allowed); });
        } else if (kind == "chain") {
            out.is = chain;
            fields(v, {"roots", "steps"}, {"gap"});
            integer(v, "steps", out.steps, 1, 1e6);
            real(v, "gap", out.gap, 0, longest);
            if (!chain_allowed)
                problem("kind", v.find("kind"), "a chain cannot start chains");
            if (const json_value* roots = v.find("roots")) {
                const scope in(*this, "roots");
                arrivals(*roots, out.of.emplace_back(), false);
            }
        } else if (!kind.empty()) {
            problem("kind", v.find("kind"), "one of at, poisson, sine, mmpp, minutes, sum, chain is expected");
        }
    }

    void settings(const json_value& v, workload& out)
    {
        group(v, "worker", {"slots", "pollers", "poll_rtt", "lifetime", "shutdown_buffer", "stop_timeout"},
            [&](const json_value& o) {
                integer(o, "slots", out.worker.slots, 1, 10'000);
                integer(o, "pollers", out.worker.pollers, 1, 10'000);
                seconds(o, "poll_rtt", out.worker.poll_rtt);
                seconds(o, "lifetime", out.worker.lifetime, 0.001);
                seconds(o, "shutdown_buffer", out.worker.shutdown_buffer);
                seconds(o, "stop_timeout", out.worker.stop_timeout);
            });
        group(v, "start", {"place_cold", "init_cold", "place_warm", "connect", "warm_keep"}, [&](const json_value& o) {
            const std::pair<std::string_view, distribution*> all[] = {{"place_cold", &out.start.place_cold},
                {"init_cold", &out.start.init_cold}, {"place_warm", &out.start.place_warm},
                {"connect", &out.start.connect}};
            for (const auto& [key, to] : all) {
                if (const json_value* d = o.find(key))
                    sample(*d, key, *to);
            }
            seconds(o, "warm_keep", out.start.warm_keep);
        });
        group(v, "provider",
            {"max_concurrent", "invoke_latency", "event_age", "async_retries", "api_fail", "start_fail"},
            [&](const json_value& o) { provider(o, out.provider); });
        group(v, "queue", {"partitions", "rate_limit", "rate_burst", "redeliver"}, [&](const json_value& o) {
            integer(o, "partitions", out.queue.partitions, 1, 10'000);
            real(o, "rate_limit", out.queue.rate_limit, 0, fastest);
            integer(o, "rate_burst", out.queue.rate_burst, 1, 1e6);
            seconds(o, "redeliver", out.queue.redeliver);
        });
    }

    template <class F>
    void group(const json_value& in, std::string_view key, std::initializer_list<std::string_view> known, F read_it)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        const scope at(*this, key);
        if (object(*v, known))
            read_it(*v);
    }

    void provider(const json_value& o, provider_settings& out)
    {
        integer(o, "max_concurrent", out.max_concurrent, 1, 1e6);
        seconds(o, "invoke_latency", out.invoke_latency);
        seconds(o, "event_age", out.event_age);
        integer(o, "async_retries", out.async_retries, 0, 10);
        if (o.find("api_fail") != nullptr)
            out.api_fail.clear();
        if (o.find("start_fail") != nullptr)
            out.start_fail.clear();
        list(o, "api_fail", [&](const json_value& f, std::size_t) {
            if (!object(f, {"from", "to", "p"}))
                return;
            api_failure& window = out.api_fail.emplace_back();
            seconds(f, "from", window.from);
            seconds(f, "to", window.to);
            real(f, "p", window.p, 0, 1);
        });
        list(o, "start_fail", [&](const json_value& f, std::size_t) {
            if (!object(f, {"from", "to", "p", "mode", "after"}))
                return;
            start_failure& window = out.start_fail.emplace_back();
            seconds(f, "from", window.from);
            seconds(f, "to", window.to);
            real(f, "p", window.p, 0, 1);
            seconds(f, "after", window.after);
            const json_value* const mode = required(f, "mode");
            if (mode == nullptr)
                return;
            if (mode->is_string() && mode->text == "hang")
                window.how = start_failure::mode::hang;
            else if (!mode->is_string() || mode->text != "crash")
                problem("mode", mode, "one of crash, hang is expected");
        });
    }

    // Published numbers: whatever stands there by name. They steer nothing.
    void numbers(const json_value& in, std::string_view key, named_numbers& out)
    {
        const json_value* const v = in.find(key);
        if (v == nullptr)
            return;
        if (!v->is_object())
            return problem(key, v, "an object is expected here");
        out.name = key;
        for (std::size_t i = 0; i < v->keys.size(); ++i) {
            if (v->items[i].is_number())
                out.values.emplace_back(v->keys[i], v->items[i].number);
        }
    }

    void measured(const json_value& in, workload& out)
    {
        const json_value* const v = in.find("measured");
        if (v == nullptr)
            return;
        if (!v->is_object())
            return problem("measured", v, "an object is expected here");
        const scope at(*this, "measured");
        for (const std::string& policy : v->keys)
            numbers(*v, policy, out.measured.emplace_back());
    }

    static constexpr double longest = 1e9;  // seconds; every sum of a few of them fits an uptime
    static constexpr double fastest = 1e9;  // a second

    std::vector<workload_problem>& problems_;
    std::string name_{};
    std::string path_{};
};

}  // namespace detail

/// Reads the text of a workload file. Everything that is wrong with it is in `problems`; then no workload may be run.
[[nodiscard]] inline workload_file read_workloads(std::string_view text)
{
    workload_file out;
    const auto fail = [&out](std::string key, std::string value, std::string remedy) {
        out.problems.push_back({"the file", std::move(key), std::move(value), std::move(remedy)});
    };
    const mayfly::detail::json_document doc = mayfly::detail::read_json(text);
    if (!doc) {
        fail("", "", "not a JSON text: " + doc.error);
        return out;
    }
    const mayfly::detail::json_value* const schema = doc.root.find("schema");
    if (schema == nullptr || schema->text != "scaling-workloads/1") {
        fail("schema", schema == nullptr ? "missing" : '"' + schema->text + '"', "\"scaling-workloads/1\" is expected");
        return out;
    }
    detail::workload_reader reader(out.problems);
    workload base;
    if (const auto* defaults = doc.root.find("defaults"))
        reader.defaults(*defaults, base);
    const mayfly::detail::json_value* const list = doc.root.find("workloads");
    if (list == nullptr || !list->is_array()) {
        fail("workloads", list == nullptr ? "missing" : std::string(to_string(list->is)), "a list is expected");
        return out;
    }
    for (std::size_t i = 0; i < list->items.size(); ++i)
        reader.read(list->items[i], i, out.workloads.emplace_back(base));
    std::vector<std::string_view> ids;
    for (const workload& w : out.workloads)
        ids.push_back(w.id);
    std::sort(ids.begin(), ids.end());
    if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end() && !twice->empty())
        fail("id", '"' + std::string(*twice) + '"', "two workloads have this name; every name may be used once");
    return out;
}

}  // namespace mayfly::testing
