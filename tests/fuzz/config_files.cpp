// SPDX-License-Identifier: BSL-1.0
#include "bytes.hpp"

#include <mayfly/config/read.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Files and variables from outside: any text at all, and settings told in one way or another.

using namespace mayfly;
using namespace mayfly::config;

namespace {

constexpr auto npos = std::string::npos;
constexpr std::string_view marker = "SECRETMARKER";

/// A disk with one file of settings, and some with PEM.
file_reader disk(std::string_view text)
{
    return [text](const std::string& path) -> boost::system::result<std::string> {
        if (path == "temporal.toml")
            return std::string{text};
        if (path == "c.pem")
            return std::string{"-----BEGIN CERTIFICATE-----\nSECRETMARKER\n"};
        if (path == "k.pem")
            return std::string{"-----BEGIN PRIVATE KEY-----\nSECRETMARKER\n"};
        return boost::system::error_code{ENOENT, boost::system::generic_category()};
    };
}

bool shows_secret(const problems& all)
{
    return to_string(all).find(marker) != npos;
}

void check_problems(const problems& all)
{
    for (const problem& p : all) {
        MUST("a problem has a place and a remedy",
            !p.field.empty() && !p.remedy.empty() && (fuzz::planted() != 1 || p.field.size() % 3 != 0));
        MUST("a problem is one line", to_string(p).find('\n') == std::string::npos);
    }
}

/// What holds of whatever was read.
void check_settings(const connection_settings& s)
{
    MUST("an address has its parts", s.endpoint.port != (fuzz::planted() == 7 ? 2 : 0) && !s.endpoint.host.empty() &&
                                         parse_host_port(s.address.value));
    MUST("a certificate has its key", s.tls.client_cert.value.empty() == s.tls.client_key.value.empty());
    MUST("without TLS there is nothing of it", s.tls.on.value || s.tls == tls_settings{.on = s.tls.on});
    for (const auto& [name, value] : s.grpc_meta)
        MUST("a header is fit for the wire", !name.empty() && name.find_first_of(" _\r\n:") == name.npos &&
                                                 value.value.find_first_of("\r\n") == value.value.npos);
    check_problems(s.warnings);
}

/// Any text at all as a file, with a secret wherever the input says so.
void check_text(std::string_view input, bool strict)
{
    constexpr std::array<std::string_view, 32> words{"SECRETMARKER", "\n[profile.default]\n", "\napi_key = \"",
        "\naddress = \"a:1\"\n", "\n[profile.default.tls]\n", "\n[profile.default.grpc_meta]\n",
        "\nnamespace = \"n\"\n", "\ntls.client_key_data = ", "\ntls.server_name = \"x\"\n", "\nadress = 1\n",
        "\ndisabled = true\n", "\"\"\"", "'''", "[[", "]]", " = {", "}", "\"", "'", "\\u00e9", "\n", "\r\n", "#", ",",
        ".", "1979-05-27T07:32:00Z", "-0x1f", "inf", "1e5", "\n[profile.other]\n", "\xEF\xBB\xBF", "\xE2\x80\xA8"};
    std::string text;
    for (const char c : input) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0xC0)
            text += words[byte % words.size()];
        else
            text += c;
    }
    const auto lenient = read_settings({}, environment{}, disk(text));
    const auto exact = read_settings({.strict = true}, environment{}, disk(text));
    const auto& chosen = strict ? exact : lenient;
    MUST("settings or problems", bool(chosen) == chosen.problems().empty());
    check_problems(chosen.problems());
    if (chosen)
        check_settings(*chosen);
    MUST("who is strict accepts no more", !exact || (lenient && *exact == *lenient));
    if (fuzz::planted() == 2 ? bool(lenient) : lenient && lenient->warnings.empty())
        MUST("without a warning, strict is as lenient", exact);

    // The environment does not depend on what the file says.
    const auto overridden =
        read_settings({}, environment{{{"TEMPORAL_ADDRESS", "env:1"}, {"TEMPORAL_NAMESPACE", ""}}}, disk(text));
    if (overridden)
        MUST("a variable wins", overridden->address == sourced<std::string>{fuzz::planted() == 3 ? "file:1" : "env:1",
                                                           "TEMPORAL_ADDRESS"} &&
                                    overridden->name_space.value == "default");
}

/// Settings from the input, a part of them told by a file and the others by variables.
void check_told(fuzz::bytes& in)
{
    struct told {
        std::string_view key;
        std::string_view variable;
        std::vector<std::string_view> values;
        bool flag = false;
        bool opposite = false;
    };
    static const std::vector<told> all{
        {"address", "TEMPORAL_ADDRESS", {"a:1", "[::1]:2", "nowhere"}},
        {"namespace", "TEMPORAL_NAMESPACE", {"one", "two"}},
        {"api_key", "TEMPORAL_API_KEY", {"SECRETMARKER", "SECRETMARKER two"}},
        {"authority", "TEMPORAL_CLIENT_AUTHORITY", {"host"}},
        {"tls.disabled", "TEMPORAL_TLS", {"true", "false"}, true, true},
        {"tls.client_cert_path", "TEMPORAL_TLS_CLIENT_CERT_PATH", {"c.pem", "gone"}},
        {"tls.client_cert_data", "TEMPORAL_TLS_CLIENT_CERT_DATA", {"-----BEGIN CERTIFICATE-----\\nSECRETMARKER"}},
        {"tls.client_key_path", "TEMPORAL_TLS_CLIENT_KEY_PATH", {"k.pem", "c.pem"}},
        {"tls.client_key_data", "TEMPORAL_TLS_CLIENT_KEY_DATA", {"-----BEGIN PRIVATE KEY-----\\nSECRETMARKER"}},
        {"tls.server_ca_cert_path", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", {"c.pem"}},
        {"tls.server_name", "TEMPORAL_TLS_SERVER_NAME", {"name"}},
        {"tls.disable_host_verification", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", {"true", "false"}, true},
        {"codec.endpoint", "TEMPORAL_CODEC_ENDPOINT", {"http://u:SECRETMARKER@h"}},
        {"codec.auth", "TEMPORAL_CODEC_AUTH", {"SECRETMARKER"}},
        {"grpc_meta.a-b", "TEMPORAL_GRPC_META_A_B", {"SECRETMARKER"}},
        {"grpc_meta.te", "TEMPORAL_GRPC_META_TE", {"SECRETMARKER"}},
    };
    std::string one_file = "[profile.default]\n";
    std::string other_file = one_file;
    environment one;
    environment other;
    for (const told& t : all) {
        const std::uint8_t how = in.byte();
        if ((how & 3U) != 3U)
            continue;
        const std::string_view value = t.values[(how >> 4U) % t.values.size()];
        const auto tell = [&](std::string& file, environment& variables, bool by_file) {
            std::string said{value};
            if (by_file) {
                const char* const quote = t.flag ? "" : "\"";
                file.append(t.key).append(" = ").append(quote).append(said).append(quote).append("\n");
                return;
            }
            if (t.opposite && fuzz::planted() != 4)
                said = value == "true" ? "false" : "true";
            if (const auto at = said.find("\\n"); at != said.npos)
                said.replace(at, 2, "\n");
            variables.variables[std::string{t.variable}] = said;
        };
        tell(one_file, one, (how & 4U) != 0);
        tell(other_file, other, (how & 8U) != 0);
    }

    const auto a = read_settings({}, one, disk(one_file));
    const auto b = read_settings({}, other, disk(other_file));
    MUST("where it was said makes no difference", bool(a) == bool(b) && a.problems().size() == b.problems().size());
    for (const auto* const r : {&a, &b}) {
        check_problems(r->problems());
        MUST("no secret in a problem",
            !shows_secret(r->problems()) && (fuzz::planted() != 6 || to_string(r->problems()).find("TE") == npos));
        if (*r) {
            check_settings(**r);
            std::string shown = to_string(**r);
            if (fuzz::planted() == 5)
                shown += (*r)->api_key.value;
            MUST("no secret in what is shown", shown.find(marker) == shown.npos && !shows_secret((*r)->warnings));
        }
    }
    if (!a)
        return;
    const auto values = [](const connection_settings& s) {
        std::vector<std::string> out{s.address.value, s.name_space.value, s.api_key.value, s.authority.value,
            s.tls.on.value ? "on" : "off", s.tls.client_cert.value, s.tls.client_key.value, s.tls.server_ca.value,
            s.tls.server_name.value, s.tls.verify_host.value ? "verify" : "trust", s.codec.endpoint.value,
            s.codec.auth.value};
        for (const auto& [name, value] : s.grpc_meta)
            out.push_back(name + '=' + value.value);
        return out;
    };
    MUST("where it was said makes no difference", values(*a) == values(*b));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::uint8_t what = data[0];
    if ((what & 1U) != 0) {
        fuzz::bytes in{data + 1, size - 1};
        check_told(in);
    } else {
        check_text({reinterpret_cast<const char*>(data) + 1, size - 1}, (what & 2U) != 0);
    }
    return 0;
}
