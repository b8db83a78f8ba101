// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/settings.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace examples {

using metric_labels = std::vector<std::pair<std::string_view, std::string>>;

/// Metrics as Prometheus reads them. All samples of a name stand together, in the order in which the names came. One
/// without a sample is told of all the same: whoever writes a query finds it there.
class metric_page {
public:
    void declare(std::string_view name, std::string_view type, std::string_view help)
    {
        families_.push_back({std::string(name), "# HELP " + std::string(name) + ' ' + std::string(help) + "\n# TYPE " +
                                                    std::string(name) + ' ' + std::string(type) + '\n'});
    }

    /// Of a name that was declared; `suffix` is for the parts of a histogram.
    void add(std::string_view name, const metric_labels& labels, double value, std::string_view suffix = {})
    {
        for (family& f : families_) {
            if (f.name != name)
                continue;
            f.text.append(name).append(suffix);
            if (!labels.empty()) {
                char before = '{';
                for (const auto& [label, text] : labels) {
                    f.text.append(1, before).append(label).append("=\"").append(escaped(text)).append("\"");
                    before = ',';
                }
                f.text += '}';
            }
            f.text.append(" ").append(mayfly::to_string(mayfly::setting{value})).append("\n");
        }
    }

    [[nodiscard]] std::string text() const
    {
        std::string out;
        for (const family& f : families_)
            out += f.text;
        return out;
    }

private:
    struct family {
        std::string name;
        std::string text;
    };

    static std::string escaped(std::string_view text)
    {
        std::string out;
        for (const char c : text) {
            if (c == '\\' || c == '"')
                out += '\\';
            if (c == '\n')
                out += "\\n";
            else
                out += c;
        }
        return out;
    }

    std::vector<family> families_{};
};

}  // namespace examples
