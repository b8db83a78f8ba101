// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

// What shells run to complete a command line. The scripts ask the program's own help, which so is what is completed.

namespace examples {

struct completion_shell {
    std::string_view name;
    std::string_view use;  ///< How its owner takes the script.
    std::string_view script;
};

inline constexpr std::array<completion_shell, 3> completion_shells{{
    {"bash", "source <(mayfly completion bash)", R"shell(# Completion of mayfly for bash.
_mayfly() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} path=() help i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] && break
        path+=("${COMP_WORDS[i]}")
    done
    COMPREPLY=()
    help=$("${COMP_WORDS[0]}" "${path[@]}" --help 2>/dev/null) || return
    # After an option that has a value, the shell's own: files.
    [[ $previous == --* ]] && grep -q -E -- "^  $previous [A-Z]" <<<"$help" && return
    help=$(sed -n -E 's/^  (--[a-z][a-z-]*|[a-z][a-z-]*)( .*)?$/\1/p' <<<"$help")
    mapfile -t COMPREPLY < <(compgen -W "$help" -- "$word")
}
complete -o bashdefault -o default -F _mayfly mayfly
)shell"},
    {"zsh", "mayfly completion zsh > \"${fpath[1]}/_mayfly\"", R"shell(#compdef mayfly
# Completion of mayfly for zsh.
_mayfly() {
    local -a path_words candidates
    local i help
    for ((i = 2; i < CURRENT; i++)); do
        [[ ${words[i]} == -* ]] && break
        path_words+=("${words[i]}")
    done
    help=$("${words[1]}" "${path_words[@]}" --help 2>/dev/null) || return 1
    # After an option that has a value, files.
    if [[ ${words[CURRENT-1]} == --* ]] && grep -q -E -- "^  ${words[CURRENT-1]} [A-Z]" <<<"$help"; then
        _files
        return
    fi
    help=$(sed -n -E 's/^  (--[a-z][a-z-]*|[a-z][a-z-]*)( .*)?$/\1/p' <<<"$help")
    candidates=(${(f)help})
    compadd -a candidates
}
if [[ ${funcstack[1]} == _mayfly ]]; then
    _mayfly "$@"
else
    compdef _mayfly mayfly
fi
)shell"},
    {"fish", "mayfly completion fish | source", R"shell(# Completion of mayfly for fish.
function __mayfly_help
    set -l words (commandline -opc)
    set -l path
    for word in $words[2..-1]
        string match -q -- '-*' $word; and break
        set -a path $word
    end
    $words[1] $path --help 2>/dev/null
end
function __mayfly_wants_value
    set -l words (commandline -opc)
    string match -q -- '--*' $words[-1]; and __mayfly_help | string match -qr -- "^  $words[-1] [A-Z]"
end
function __mayfly_candidates
    __mayfly_help | string replace -rf -- '^  (--[a-z][a-z-]*|[a-z][a-z-]*)(?: [A-Z][^ ]*)? +(.*)$' '$1\t$2'
end
complete -c mayfly -f
complete -c mayfly -n __mayfly_wants_value -F
complete -c mayfly -n 'not __mayfly_wants_value' -a '(__mayfly_candidates)'
)shell"},
}};

/// `mayfly completion ...`, without these two words. The exit status.
inline int run_completion(const std::vector<std::string_view>& arguments)
{
    const auto write = [](std::string_view text) {
        std::fwrite(text.data(), 1, text.size(), stdout);
        return 0;
    };
    const std::string_view name = arguments.empty() ? "help" : arguments.front();
    if (name == "help" || name == "--help" || name == "-h" || (arguments.size() == 2 && arguments[1] == "--help")) {
        std::string help = "usage: mayfly completion SHELL\n\nWrites what makes a shell complete mayfly's verbs and "
                           "options.\n\n";
        for (const auto& s : completion_shells)
            help.append("  ").append(s.name).append(6 - s.name.size(), ' ').append(s.use) += '\n';
        return write(help);
    }
    for (const auto& s : completion_shells)
        if (s.name == name && arguments.size() == 1)
            return write(s.script);
    std::fprintf(stderr, "mayfly completion: give one of bash, zsh and fish; --help says more\n");
    return 2;
}

}  // namespace examples
