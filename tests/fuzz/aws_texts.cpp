// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/aws/amz_time.hpp>
#include <mayfly/aws/arn.hpp>
#include <mayfly/aws/credential_json.hpp>
#include <mayfly/aws/credential_plan.hpp>
#include <mayfly/aws/endpoint.hpp>
#include <mayfly/aws/ini.hpp>
#include <mayfly/aws/shell_words.hpp>
#include <mayfly/aws/sts.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Texts from outside: names, files, answers. What is read prints as the same; what is not read says why, and shows no
// secret.

using namespace mayfly;
using namespace mayfly::aws;

namespace {

void check_names(std::string_view text)
{
    if (const auto a = parse_arn(text)) {
        MUST("an ARN prints as it was read", to_string(*a) == text);
        MUST("a known partition has an ARN", find_partition(a->partition) != nullptr);
    }
    const auto f = read_function(text, "arn");
    if (f)
        MUST("a function prints as it was read", to_string(*f) + (fuzz::planted() == 1 ? "x" : "") == text);
    for (const problem& p : f.problems())
        MUST("an error names its field and a remedy", p.field == "arn" && !p.remedy.empty());
    if (const auto role = read_role_arn(text, "role"))
        MUST("a role is an ARN", parse_arn(text) == *role && !role_name(*role).empty());
    if (const auto t = parse_iso_time(text); t && text.size() == 20 && text[17] != '6') {
        std::string compact{text};
        std::erase_if(compact, [](char c) { return c == '-' || c == ':'; });
        compact[8] = 'T';
        compact[15] = 'Z';
        MUST("a time is the same in both forms", amz_time{*t}.text() == compact);
    }
    if (const auto t = amz_time::parse(text))
        MUST("a date prints as it was read", amz_time{t->time()}.text() == text);
    // Any text can be said to a shell in quotes.
    std::string quoted = "x '";
    for (const char c : text)
        quoted += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
    quoted += '\'';
    const auto words = split_words(quoted);
    MUST("quoted is one word", words && words->size() == 2 && (*words)[1] == text);
    static_cast<void>(split_words(text));
}

bool same(const std::vector<ini_entry>& a, const std::vector<ini_entry>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ini_entry& x, const ini_entry& y) {
        return x.key == y.key && x.value == y.value && same(x.nested, y.nested);
    });
}

void check_files(std::string_view text)
{
    const ini_file file = read_ini("file", text);
    std::string printed = to_string(file);
    if (fuzz::planted() == 2)
        printed += "[planted]\n";
    const ini_file again = read_ini("file", printed);
    MUST("a file prints as it was read",
        again.problems.empty() && std::equal(file.sections.begin(), file.sections.end(), again.sections.begin(),
                                      again.sections.end(), [](const ini_section& a, const ini_section& b) {
                                          return a.name == b.name && same(a.entries, b.entries);
                                      }));
    for (const problem& p : file.problems)
        MUST("an error says where, and shows nothing",
            p.field.starts_with("file:") && !p.remedy.empty() && p.value.empty() != (fuzz::planted() == 3));

    config c = config::of({{{"HOME", "/h"}}}, text, text);
    const auto plan = plan_credentials(c);
    MUST("a plan or a problem", bool(plan) == plan.problems().empty());
    for (const problem& p : plan.problems())
        MUST("an error names its field and a remedy", !p.field.empty() && !p.remedy.empty());
    const auto e = resolve_endpoint(c, "lambda", "us-east-1");
    MUST("an endpoint or a problem", bool(e) == e.problems().empty() && (!e || !e->origin.host.empty()));
}

void check_answers(std::string_view text)
{
    const assumed_role role = read_assumed_role(text);
    MUST("a whole session or none",
        bool(role) == (!role.keys.access_key_id.empty() && !role.keys.secret_access_key.empty() &&
                          !role.keys.session_token.empty() && role.keys.expires.has_value()));
    if (const auto who = read_caller_identity(text))
        MUST("a whole identity or none", !who->arn.empty() && !who->account.empty() && !who->user_id.empty());

    // Any text survives the way through an answer.
    std::string body;
    for (const char ch : text)
        body += ch == '<' ? "&lt;" : ch == '&' ? "&amp;" : ch == '>' ? "&gt;" : std::string(1, ch);
    const std::string answer =
        "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>" + body +
        "</SessionToken><Expiration>2026-03-04T05:06:07Z</Expiration></Credentials>";
    const assumed_role whole = read_assumed_role(answer);
    if (!text.empty())
        MUST("what was escaped is read",
            whole && whole.keys.session_token == (fuzz::planted() == 4 ? body + "x" : text));

    for (const credential_form form :
        {credential_form::process, credential_form::container, credential_form::instance}) {
        const fetched_credentials got = read_credentials(text, form, "source");
        if (got.why)
            MUST("an error says whose it is", got.why.message.starts_with("source: "));
        else
            MUST("keys come in pairs", !got.keys.access_key_id.empty() && !got.keys.secret_access_key.empty());
    }
    MUST("a form holds no raw octets",
        form_of({.role_arn = std::string{text}, .session_name = std::string{text}}).find_first_of(" <>\"\n+/:") ==
            std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    switch (data[0] % 3) {
    case 0: check_names(text); break;
    case 1: check_files(text); break;
    case 2: check_answers(text); break;
    }
    return 0;
}
