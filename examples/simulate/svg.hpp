// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/clock.hpp>
#include <mayfly/testing/run_metrics.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Draws the curves of a run as one SVG picture: backlog, workers and starts over time.

namespace examples {

/// A run as a picture shows it.
struct run_chart {
    std::string title{};
    std::string note{};                                          ///< One line under the title.
    std::vector<std::pair<std::string, std::string>> figures{};  ///< What it is, and how much.
    std::vector<mayfly::testing::run_sample> series{};           ///< Evenly spaced.
};

/// `value` with so many digits after the point.
inline std::string fixed(double value, int digits)
{
    char text[400];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

/// Text as XML shows it. Control characters have no place there.
inline std::string xml(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        default: out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
        }
    }
    return out;
}

namespace detail {

/// 1 200 000, with narrow spaces.
inline std::string grouped(double whole)
{
    std::string out = fixed(whole, 0);
    for (std::size_t at = out.size(); at > 3;) {
        at -= 3;
        out.insert(at, "\u202f");
    }
    return out;
}

/// The least of 1, 2, 5, 10, 20, .. that is at least `rough`.
inline double round_step(double rough)
{
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double f : {1.0, 2.0, 5.0}) {
        if (f * power >= rough)
            return f * power;
    }
    return 10 * power;
}

/// Pixels, short.
inline std::string px(double v)
{
    std::string out = fixed(v, 1);
    if (out.ends_with(".0"))
        out.resize(out.size() - 2);
    return out;
}

struct time_axis {
    std::string unit;
    double scale;  // seconds of one unit
    double step;   // between ticks, in units
};

inline time_axis axis_for(double seconds)
{
    time_axis a{"seconds", 1, 1};
    if (seconds > 4 * 3600)
        a = {"hours", 3600, 1};
    else if (seconds > 300)
        a = {"minutes", 60, 1};
    a.step = round_step(seconds / a.scale / 10);
    return a;
}

struct panel {
    std::string_view name;
    std::string_view colour;
    bool bars;
    std::vector<double> values;
};

class canvas {
public:
    explicit canvas(double seconds, double apart, std::size_t panels) : seconds_(seconds), apart_(apart)
    {
        height_ = top + static_cast<double>(panels) * (panel_height + panel_gap) + 24;
        const std::string size = px(width) + "\" height=\"" + px(height_);
        out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + "\" viewBox=\"0 0 " + px(width) + ' ' +
               px(height_) +
               "\" font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    }

    void heading(const run_chart& c)
    {
        text(left, 36, 20, "#111827", c.title, "font-weight=\"600\"");
        text(left, 57, 12.5, "#6b7280", c.note);
        const double column = (width - left - right) / static_cast<double>(std::max<std::size_t>(c.figures.size(), 1));
        double x = left;
        for (const auto& [what, value] : c.figures) {
            text(x, 84, 11, "#6b7280", what);
            text(x, 104, 16, "#111827", value, "font-weight=\"600\"");
            x += column;
        }
    }

    void draw(const panel& p, std::size_t place, bool last)
    {
        const double y0 = top + static_cast<double>(place) * (panel_height + panel_gap);
        const double base = y0 + panel_height;
        double peak = 0;
        for (const double v : p.values)
            peak = std::max(peak, v);
        const double step = std::max(1.0, round_step(std::max(peak, 1.0) / 5));
        const double full = step * std::max(1.0, std::ceil(peak / step));
        const auto y_of = [&](double v) { return base - panel_height * v / full; };

        text(left, y0 - 10, 13, "#111827", p.name, "font-weight=\"600\"");
        text(width - right, y0 - 10, 12, "#6b7280", "peak " + grouped(peak), "text-anchor=\"end\"");
        for (double v = 0; v <= full; v += step) {
            line(left, y_of(v), width - right, y_of(v), v == 0 ? "#9ca3af" : "#e5e7eb");
            text(left - 8, y_of(v) + 4, 11, "#6b7280", grouped(v), "text-anchor=\"end\"");
        }
        time_ticks(base, last);
        if (p.bars)
            bars(p, base, y_of);
        else
            area(p, base, y_of);
    }

    [[nodiscard]] std::string finish() &&
    {
        out_ += "</svg>\n";
        return std::move(out_);
    }

private:
    static constexpr double width = 960;
    static constexpr double left = 72;
    static constexpr double right = 28;
    static constexpr double top = 156;
    static constexpr double panel_height = 130;
    static constexpr double panel_gap = 56;

    [[nodiscard]] double x_of(double seconds) const { return left + (width - left - right) * seconds / seconds_; }

    void time_ticks(double base, bool labels)
    {
        const time_axis a = axis_for(seconds_);
        for (double t = 0; t * a.scale <= seconds_ * 1.0001; t += a.step) {
            const double x = x_of(t * a.scale);
            line(x, base, x, base + 4, "#9ca3af");
            const int digits = a.step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(a.step)));
            text(x, base + 18, 11, "#6b7280", fixed(t, digits), "text-anchor=\"middle\"");
        }
        if (labels)
            text(width - right, base + 38, 12, "#6b7280", "time in " + a.unit, "text-anchor=\"end\"");
    }

    template <class Y>
    void area(const panel& p, double base, Y y_of)
    {
        std::string path = "M" + px(left) + ',' + px(base);
        double before = 0;
        for (std::size_t i = 0; i < p.values.size(); ++i) {
            if (p.values[i] != before || i == 0)
                path += 'H' + px(x_of(static_cast<double>(i) * apart_)) + 'V' + px(y_of(p.values[i]));
            before = p.values[i];
        }
        path += 'H' + px(width - right);
        out_ += "<path d=\"" + path + 'V' + px(base) + "Z\" fill=\"" + std::string(p.colour) +
                "\" fill-opacity=\"0.15\"/>\n<path d=\"" + path + "\" fill=\"none\" stroke=\"" + std::string(p.colour) +
                "\" stroke-width=\"1.5\" stroke-linejoin=\"round\"/>\n";
    }

    template <class Y>
    void bars(const panel& p, double base, Y y_of)
    {
        const double wide = std::max(1.5, (x_of(apart_) - x_of(0)) * 0.8);
        std::string path;
        for (std::size_t i = 0; i < p.values.size(); ++i) {
            if (p.values[i] > 0)
                path += 'M' + px(x_of((static_cast<double>(i) + 0.5) * apart_)) + ',' + px(base) + 'V' +
                        px(y_of(p.values[i]));
        }
        out_ +=
            "<path d=\"" + path + "\" stroke=\"" + std::string(p.colour) + "\" stroke-width=\"" + px(wide) + "\"/>\n";
    }

    void line(double x1, double y1, double x2, double y2, std::string_view colour)
    {
        out_ += "<path d=\"M" + px(x1) + ',' + px(y1) + 'L' + px(x2) + ',' + px(y2) + "\" stroke=\"" +
                std::string(colour) + "\" stroke-width=\"1\"/>\n";
    }

    void text(
        double x, double y, double size, std::string_view colour, std::string_view what, std::string_view more = {})
    {
        out_ += "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" font-size=\"" + px(size) + "\" fill=\"" +
                std::string(colour) + "\" " + std::string(more) + '>' + xml(what) + "</text>\n";
    }

    double seconds_;
    double apart_;
    double height_ = 0;
    std::string out_{};
};

}  // namespace detail

/// The whole picture, as the text of an SVG file.
inline std::string to_svg(const run_chart& c)
{
    const double apart = c.series.size() > 1 ? mayfly::testing::in_seconds(c.series[1].from - c.series[0].from) : 0.1;
    const double seconds = apart * static_cast<double>(std::max<std::size_t>(c.series.size(), 1));
    const std::string starts = "Starts, in each " + fixed(apart, apart < 10 ? 1 : 0) + " s";
    detail::panel panels[] = {{"Tasks that wait", "#d97706", false, {}}, {"Workers that are up", "#2563eb", false, {}},
        {starts, "#059669", true, {}}};
    for (const mayfly::testing::run_sample& s : c.series) {
        panels[0].values.push_back(static_cast<double>(s.backlog));
        panels[1].values.push_back(s.workers);
        panels[2].values.push_back(s.starts);
    }
    detail::canvas canvas(seconds, apart, std::size(panels));
    canvas.heading(c);
    for (std::size_t i = 0; i < std::size(panels); ++i)
        canvas.draw(panels[i], i, i + 1 == std::size(panels));
    return std::move(canvas).finish();
}

}  // namespace examples
