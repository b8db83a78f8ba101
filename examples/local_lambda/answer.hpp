// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/detail/json_write.hpp>
#include <mayfly/http/message.hpp>

#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <utility>

// Answers as the two services give them: JSON with a header from Lambda, XML from STS.

namespace local_lambda {

/// Why a request is not carried out, in the service's own words.
struct refusal {
    unsigned status = 400;
    std::string code{};  ///< `ResourceNotFoundException`
    std::string message{};
    std::string reason{};  ///< For throttling: which limit.
};

template <class T>
using answer = boost::system::result<T, refusal>;

[[nodiscard]] inline refusal invalid_value(std::string message)
{
    return {400, "InvalidParameterValueException", std::move(message), {}};
}

[[nodiscard]] inline refusal not_found(std::string message)
{
    return {404, "ResourceNotFoundException", std::move(message), {}};
}

/// What a field of the service's model does not allow.
[[nodiscard]] inline std::string constraint(std::string_view value, std::string_view field, std::string_view rule)
{
    return "1 validation error detected: Value '" + std::string(value) + "' at '" + std::string(field) +
           "' failed to satisfy constraint: " + std::string(rule);
}

/// The same as Lambda puts it.
[[nodiscard]] inline refusal invalid_field(std::string_view value, std::string_view field, std::string_view rule)
{
    return {400, "ValidationException", constraint(value, field, rule), {}};
}

[[nodiscard]] inline refusal missing_field(std::string_view field)
{
    return {400, "ValidationException",
        "1 validation error detected: Value null at '" + std::string(field) +
            "' failed to satisfy constraint: Member must not be null",
        {}};
}

[[nodiscard]] inline mayfly::http::response plain_answer(
    unsigned status, std::string_view content_type, std::string body, const std::string& request_id)
{
    mayfly::http::response out;
    out.version(11);
    out.result(status);
    if (!content_type.empty())
        out.set(mayfly::http::field::content_type, {content_type.data(), content_type.size()});
    out.set("x-amzn-RequestId", request_id);
    out.body() = std::move(body);
    return out;
}

[[nodiscard]] inline mayfly::http::response json_answer(
    unsigned status, std::string body, const std::string& request_id)
{
    return plain_answer(status, status == 204 ? "" : "application/json", std::move(body), request_id);
}

[[nodiscard]] inline mayfly::http::response lambda_refusal(const refusal& why, const std::string& request_id)
{
    std::string body;
    mayfly::detail::json_writer json(body);
    json.begin_object();
    if (!why.reason.empty())
        json.member("Reason", why.reason);
    // What a front door says has no type.
    const bool at_the_door = why.status == 403 || why.code == "IncompleteSignatureException" ||
                             why.code == "ValidationException" || why.code == "UnknownOperationException";
    if (!at_the_door)
        json.member("Type", why.status < 500 ? "User" : "Service");
    // Tools read the message by the name that the service's model has for it, and it has two.
    const bool capital = why.code == "ResourceNotFoundException" || why.code == "ServiceException" ||
                         why.code == "AccessDeniedException";
    json.member(capital ? "Message" : "message", why.message).end_object();

    auto out = json_answer(why.status, std::move(body), request_id);
    out.set("x-amzn-ErrorType", why.code);
    if (why.status == 429)
        out.set(mayfly::http::field::retry_after, "1");
    return out;
}

[[nodiscard]] inline std::string xml_text(std::string_view s)
{
    std::string out;
    for (const char c : s) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        default: out += c;
        }
    }
    return out;
}

/// `<NAME>text</NAME>`
[[nodiscard]] inline std::string xml_element(std::string_view name, std::string_view text)
{
    const std::string n(name);
    return '<' + n + '>' + xml_text(text) + "</" + n + '>';
}

inline constexpr std::string_view sts_namespace = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What STS answers to `action`; `result` is XML.
[[nodiscard]] inline mayfly::http::response sts_answer(
    const std::string& action, const std::string& result, const std::string& request_id)
{
    std::string body = '<' + action + "Response xmlns=\"" + std::string(sts_namespace) + "\"><" + action + "Result>" +
                       result + "</" + action + "Result><ResponseMetadata>" + xml_element("RequestId", request_id) +
                       "</ResponseMetadata></" + action + "Response>";
    return plain_answer(200, "text/xml", std::move(body), request_id);
}

[[nodiscard]] inline mayfly::http::response sts_refusal(const refusal& why, const std::string& request_id)
{
    std::string body = "<ErrorResponse xmlns=\"" + std::string(sts_namespace) + "\"><Error>" +
                       xml_element("Type", why.status < 500 ? "Sender" : "Receiver") + xml_element("Code", why.code) +
                       xml_element("Message", why.message) + "</Error>" + xml_element("RequestId", request_id) +
                       "</ErrorResponse>";
    return plain_answer(why.status, "text/xml", std::move(body), request_id);
}

}  // namespace local_lambda
