// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace mayfly::temporal {

/// Under which names functions and members were registered: so that code can name what it calls by the function itself.
class callable_names {
public:
    template <class F>
    static constexpr bool has_identity = std::is_member_function_pointer_v<F> ||
                                         (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>);

    /// The first name counts.
    template <class F>
        requires has_identity<F>
    void add(F f, std::string name) { names_.emplace(identity(f), std::move(name)); }

    /// Empty: it has none.
    template <class F>
        requires has_identity<F>
    [[nodiscard]] std::string_view find(F f) const
    {
        const auto at = names_.find(identity(f));
        return at == names_.end() ? std::string_view{} : std::string_view{at->second};
    }

private:
    // Bytes, since pointers of different types cannot be compared. Those of members of different classes can be the
    // same; those of functions cannot, and the same function has two types with and without its noexcept.
    template <class F>
    [[nodiscard]] static std::string identity(F f)
    {
        std::string out;
        if constexpr (std::is_member_function_pointer_v<F>)
            out = typeid(F).name();
        out.push_back('\0');
        const std::size_t begin = out.size();
        out.resize(begin + sizeof f);
        std::memcpy(out.data() + begin, &f, sizeof f);
        return out;
    }

    std::map<std::string, std::string, std::less<>> names_{};
};

}  // namespace mayfly::temporal
