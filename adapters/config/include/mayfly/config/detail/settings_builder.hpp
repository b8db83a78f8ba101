// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/config/connection_settings.hpp>
#include <mayfly/config/detail/file_values.hpp>
#include <mayfly/config/detail/keys.hpp>
#include <mayfly/config/detail/shown.hpp>
#include <mayfly/config/files.hpp>
#include <mayfly/config/host_port.hpp>
#include <mayfly/problem.hpp>

#include <boost/system/result.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace mayfly::config::detail {

/// PEM that OpenSSL will take for what it is to be; empty if so, else what to do.
[[nodiscard]] inline std::string check_pem(std::string_view text, bool key)
{
    const std::string_view kind = key ? "PRIVATE KEY-----" : "CERTIFICATE-----";
    const auto begin = text.find("-----BEGIN ");
    if (begin == text.npos || text.find(kind, begin) == text.npos)
        return key ? "there is no private key in it; give PEM, which has a line -----BEGIN PRIVATE KEY-----"
                   : "there is no certificate in it; give PEM, which has a line -----BEGIN CERTIFICATE-----";
    if (text.find('\n') == text.npos)
        return "it is all one line; give PEM with its line breaks, not with \\n or blanks for them";
    if (text.find("ENCRYPTED PRIVATE KEY-----") != text.npos || text.find("Proc-Type: 4,ENCRYPTED") != text.npos)
        return "the key is encrypted, and nobody is there to type its password; give it without one";
    return {};
}

/// Whether gRPC lets a caller send a header of that name.
[[nodiscard]] constexpr bool is_free_header(std::string_view name) noexcept
{
    constexpr std::array<std::string_view, 9> taken{
        "", "connection", "content-length", "content-type", "host", "keep-alive", "te", "transfer-encoding", "upgrade"};
    for (const char c : name) {
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return std::find(taken.begin(), taken.end(), name) == taken.end() && !name.starts_with("grpc-");
}

/// Makes settings of what was written, and adds what is wrong with it.
class settings_builder {
public:
    settings_builder(const written_values& said, const file_reader& read, connection_settings& out, problems& wrong)
        : said_{said}, read_{read}, out_{out}, wrong_{wrong}, whole_{wrong.empty()}
    {}

    void build()
    {
        take_or_default("address", out_.address);
        if (parse_host_port(out_.address.value))
            out_.endpoint = *parse_host_port(out_.address.value);
        else
            wrong_at("address", split_host_port(out_.address.value, out_.endpoint));

        take_or_default("namespace", out_.name_space);
        header("namespace", out_.name_space);
        header("api_key", out_.api_key);
        header("authority", out_.authority);
        take("codec.endpoint", out_.codec.endpoint);
        header("codec.auth", out_.codec.auth);
        headers();
        tls();
    }

private:
    [[nodiscard]] const written* find(std::string_view key) const
    {
        const auto at = said_.keys.find(key);
        return at == said_.keys.end() ? nullptr : &at->second;
    }

    /// What somebody wrote there, if it is more than nothing.
    [[nodiscard]] const written* find_more(std::string_view key) const
    {
        const written* const w = find(key);
        return w == nullptr || w->value.empty() ? nullptr : w;
    }

    void wrong_at(std::string_view key, std::string remedy, bool hide = false)
    {
        const written* const w = find(key);
        if (w == nullptr)
            wrong_.push_back({std::string{key}, "", std::move(remedy)});
        else
            wrong_.push_back({w->field, hide ? "" : shown(w->value), std::move(remedy)});
    }

    void warn_at(std::string_view key, std::string text)
    {
        const written* const w = find(key);
        out_.warnings.push_back({w == nullptr ? std::string{key} : w->field, "", std::move(text)});
    }

    void take(std::string_view key, sourced<std::string>& into)
    {
        if (const written* const w = find(key))
            into = {w->value, w->from};
    }

    /// Where nothing is no value, an empty one brings the default back.
    void take_or_default(std::string_view key, sourced<std::string>& into)
    {
        const written* const w = find(key);
        if (w != nullptr && w->value.empty())
            into.from = "default, " + w->from + " is empty";
        else
            take(key, into);
    }

    /// A value that goes out in a header.
    void header(std::string_view key, sourced<std::string>& into)
    {
        if (into.from == "default")
            take(key, into);
        check_header(find(key));
    }

    void check_header(const written* w)
    {
        if (w == nullptr)
            return;
        const std::string_view v = w->value;
        if (!is_visible(v, true) || v.starts_with(' ') || v.ends_with(' '))
            wrong_.push_back({w->field, "",
                "a line break, a blank at an end or a character beyond ASCII cannot stand in a header; remove it"});
    }

    void headers()
    {
        for (const auto& [name, w] : said_.headers) {
            if (!is_free_header(name))
                wrong_.push_back({w.field, "",
                    "there can be no such header; its name is of letters, digits, dots and dashes, and not one that "
                    "the transport sends itself"});
            check_header(&w);
            out_.grpc_meta[name] = {w.value, w.from};
        }
    }

    void tls()
    {
        const written* const disabled = find("tls.disabled");
        const written* const section = find("tls");
        sourced<bool>& on = out_.tls.on;
        if (disabled != nullptr)
            on = {disabled->value != "true", disabled->from};
        else if (section != nullptr)
            on = {true, section->from};
        else if (!out_.api_key.value.empty())
            on = {true, "there is an API key, " + out_.api_key.from};

        const bool cert = has_one("tls.client_cert");
        const bool key = has_one("tls.client_key");
        static_cast<void>(has_one("tls.server_ca_cert"));
        // What is missing may be what was not understood.
        if (cert != key && whole_)
            lone(cert ? "tls.client_cert" : "tls.client_key", cert ? "tls.client_key" : "tls.client_cert");
        if (const written* const name = find("tls.server_name"); name != nullptr && !is_visible(name->value))
            wrong_at("tls.server_name", "give a host's name alone");

        if (!on.value) {
            if (!out_.api_key.value.empty())
                warn_at("api_key", "TLS is off (" + on.from + "), so the key goes out in clear");
            return;
        }
        pem("tls.client_cert", false, out_.tls.client_cert);
        pem("tls.client_key", true, out_.tls.client_key);
        pem("tls.server_ca_cert", false, out_.tls.server_ca);
        take("tls.server_name", out_.tls.server_name);
        if (const written* const off = find("tls.disable_host_verification")) {
            out_.tls.verify_host = {off->value != "true", off->from};
            if (off->value == "true")
                warn_at("tls.disable_host_verification", "the server is not verified: anybody may pose as it");
        }
    }

    /// Whether there is a path or data; both are wrong.
    bool has_one(const std::string& item)
    {
        const written* const path = find_more(item + "_path");
        const written* const data = find_more(item + "_data");
        if (path != nullptr && data != nullptr)
            wrong_.push_back({data->field, "",
                path->from + " gives a path for the same; give one of both" +
                    (path->from == data->from ? "" : ". A variable that is empty takes back what a file says")});
        return path != nullptr || data != nullptr;
    }

    void lone(const std::string& there, const std::string& missing)
    {
        const written* const path = find_more(there + "_path");
        const written* const w = path != nullptr ? path : find_more(there + "_data");
        wrong_.push_back({w->field, path != nullptr ? shown(path->value) : "",
            "a certificate and its key come together; give " + missing + "_path or " + missing + "_data too"});
    }

    void pem(const std::string& item, bool key, sourced<std::string>& into)
    {
        const written* const path = find_more(item + "_path");
        const written* const data = find_more(item + "_data");
        const written* const w = path != nullptr ? path : data;
        if (w == nullptr || (path != nullptr && data != nullptr))
            return;
        std::string text = w->value;
        if (path != nullptr) {
            auto content = read_(path->value);
            if (!content) {
                wrong_.push_back({w->field, shown(w->value),
                    "cannot be read: " + content.error().message() +
                        ". A relative path starts in the working directory"});
                return;
            }
            text = std::move(*content);
        }
        if (std::string remedy = check_pem(text, key); !remedy.empty())
            wrong_.push_back({w->field, path != nullptr ? shown(path->value) : "", std::move(remedy)});
        into = {std::move(text), path != nullptr ? shown(path->value) + ", " + w->from : w->from};
    }

    const written_values& said_;
    const file_reader& read_;
    connection_settings& out_;
    problems& wrong_;
    bool whole_;
};

}  // namespace mayfly::config::detail
