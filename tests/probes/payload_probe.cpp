// SPDX-License-Identifier: BSL-1.0

// Answers each line on standard input, so that others' converters can be compared with ours. A line is a verb and a
// message of protobuf in base64; so is the answer, or `error` and why.
//
//     value PAYLOAD      the payload of the JSON value that it holds
//     order PAYLOAD      the same with a struct
//     raw PAYLOAD        the same with bytes
//     failure FAILURE    what a handler makes of its own exception that has this one as its cause
//     hidden FAILURE     the same, with encoded attributes
//     remade FAILURE     the failure, made anew from what the exception says

#include <mayfly/temporal/failure_converter.hpp>

#include <boost/describe.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace mayfly::temporal;

namespace {

enum class size { small, large };
BOOST_DESCRIBE_ENUM(size, small, large)

struct line {
    std::string name{};
    std::int64_t count = 0;
    std::optional<double> price{};
};
BOOST_DESCRIBE_STRUCT(line, (), (name, count, price))

struct order {
    std::vector<line> lines{};
    std::map<int, bool> flags{};
    std::chrono::system_clock::time_point at{};
    std::chrono::microseconds patience{};
    size packed = size::small;
};
BOOST_DESCRIBE_STRUCT(order, (), (lines, flags, at, patience, packed))

using payload = ::temporal::api::common::v1::Payload;
using failure = ::temporal::api::failure::v1::Failure;

std::string told(const google::protobuf::MessageLite& message)
{
    std::string out = "ok ";
    mayfly::append_base64(out, message.SerializeAsString());
    return out;
}

template <class T>
std::string converted_back(const std::string& raw)
{
    payload in;
    if (!in.ParseFromString(raw))
        return "error no payload";
    const data_converter converter;
    const auto value = converter.from_payload<T>(in);
    if (!value)
        return "error " + value.error().message;
    const auto out = converter.to_payload(*value);
    return out ? told(*out) : "error " + out.error().message;
}

/// The same again, with nothing kept of what was received.
std::exception_ptr remade(const std::exception_ptr& thrown)
{
    if (!thrown)
        return nullptr;
    try {
        std::rethrow_exception(thrown);
    } catch (const application_error& e) {
        return std::make_exception_ptr(application_error(e.what(), application_options{.type = e.type(),
                                                                       .non_retryable = e.non_retryable(),
                                                                       .details = e.details(),
                                                                       .next_retry_delay = e.next_retry_delay(),
                                                                       .benign = e.benign(),
                                                                       .cause = remade(e.cause())}));
    } catch (const cancelled_error& e) {
        return std::make_exception_ptr(cancelled_error(e.what(), e.details(), remade(e.cause()), e.identity()));
    } catch (const timeout_error& e) {
        return std::make_exception_ptr(timeout_error(e.what(), e.kind(), e.last_heartbeat(), remade(e.cause())));
    } catch (const terminated_error& e) {
        return std::make_exception_ptr(terminated_error(e.what(), e.identity(), remade(e.cause())));
    } catch (const server_error& e) {
        return std::make_exception_ptr(server_error(e.what(), e.non_retryable(), remade(e.cause())));
    } catch (const activity_error& e) {
        return std::make_exception_ptr(activity_error(e.what(), e.failure(), remade(e.cause())));
    } catch (const child_workflow_error& e) {
        return std::make_exception_ptr(child_workflow_error(e.what(), e.failure(), remade(e.cause())));
    } catch (...) {
        return thrown;
    }
}

std::string answer(std::string_view said)
{
    const auto space = said.find(' ');
    const std::string_view verb = said.substr(0, space);
    const auto raw = mayfly::from_base64(space == said.npos ? std::string_view{} : said.substr(space + 1));
    if (!raw)
        return "error no base64";
    if (verb == "value")
        return converted_back<boost::json::value>(*raw);
    if (verb == "order")
        return converted_back<order>(*raw);
    if (verb == "raw")
        return converted_back<std::vector<std::byte>>(*raw);

    failure in;
    if (!in.ParseFromString(*raw))
        return "error no failure";
    const data_converter converter;
    const std::exception_ptr thrown = to_exception(in, converter);
    if (verb == "remade")
        return told(to_failure(remade(thrown), converter));
    return told(to_failure(std::make_exception_ptr(application_error("handled", application_options{.cause = thrown})),
        converter, {.encode_attributes = verb == "hidden"}));
}

}  // namespace

int main()
{
    for (std::string said; std::getline(std::cin, said);)
        std::cout << answer(said) << '\n' << std::flush;
}
