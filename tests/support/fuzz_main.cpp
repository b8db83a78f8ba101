// SPDX-License-Identifier: BSL-1.0

// A main for fuzz targets where there is no libFuzzer: replays kept inputs, then mutates them for a while.
//
//     fuzz_x [--seconds N] [--runs N] [--seed N] [file or folder]...
//
// On a crash the input stands in the file crash-input of the working directory; give it back as an argument.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr std::size_t longest_input = 4096;

const std::uint8_t* current_data = nullptr;
std::size_t current_size = 0;

extern "C" void keep_input(int signal)
{
    std::signal(signal, SIG_DFL);
    if (const int file = ::open("crash-input", O_CREAT | O_TRUNC | O_WRONLY, 0644); file >= 0) {
        if (::write(file, current_data, current_size) >= 0)
            ::close(file);
    }
    std::raise(signal);
}

void run(const bytes& input)
{
    current_data = input.data();
    current_size = input.size();
    LLVMFuzzerTestOneInput(current_data, current_size);
}

bytes read(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return bytes(std::istreambuf_iterator<char>(in), {});
}

std::vector<bytes> read_all(const std::vector<std::string>& paths)
{
    std::vector<std::filesystem::path> files;
    for (const std::string& path : paths) {
        if (std::filesystem::is_directory(path)) {
            for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
                if (entry.is_regular_file())
                    files.push_back(entry.path());
            }
        } else if (std::filesystem::exists(path))
            files.emplace_back(path);
    }
    std::sort(files.begin(), files.end());

    std::vector<bytes> inputs;
    for (const auto& file : files)
        inputs.push_back(read(file));
    return inputs;
}

class mutator {
public:
    explicit mutator(std::uint64_t seed) : random_(seed) {}

    bytes next(const std::vector<bytes>& corpus)
    {
        bytes input = corpus.empty() ? bytes{} : corpus[below(corpus.size())];
        for (std::size_t n = 1 + below(8); n != 0; --n)
            change(input, corpus);
        input.resize(std::min(input.size(), longest_input));
        return input;
    }

private:
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
    static std::ptrdiff_t at(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

    void change(bytes& input, const std::vector<bytes>& corpus)
    {
        if (input.empty()) {
            input.resize(1 + below(256));
            std::generate(input.begin(), input.end(), [this] { return byte(); });
            return;
        }
        const std::size_t i = below(input.size());
        switch (below(5)) {
        case 0: input[i] = byte(); break;
        case 1: input[i] ^= static_cast<std::uint8_t>(1U << below(8)); break;
        case 2: input.insert(input.begin() + at(i), byte()); break;
        case 3: input.erase(input.begin() + at(i), input.begin() + at(i + 1 + below(input.size() - i))); break;
        case 4: {  // The tail of another input, or of itself.
            const bytes tail = corpus.empty() ? input : corpus[below(corpus.size())];
            const std::size_t from = tail.empty() ? 0 : below(tail.size());
            input.insert(input.begin() + at(i), tail.begin() + at(from), tail.end());
            break;
        }
        }
    }

    std::mt19937_64 random_;
};

std::uint64_t number(std::string_view text, std::uint64_t otherwise)
{
    std::uint64_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

}  // namespace

int main(int argc, char** argv)
{
    std::uint64_t seconds = 0;
    std::uint64_t runs = 0;
    std::uint64_t seed = 1;
    std::vector<std::string> paths;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--seconds" && i + 1 < argc)
            seconds = number(argv[++i], 0);
        else if (word == "--runs" && i + 1 < argc)
            runs = number(argv[++i], 0);
        else if (word == "--seed" && i + 1 < argc)
            seed = number(argv[++i], 1);
        else
            paths.emplace_back(word);
    }

    for (int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL})
        std::signal(signal, keep_input);

    const std::vector<bytes> corpus = read_all(paths);
    for (const bytes& input : corpus)
        run(input);

    std::uint64_t mutated = 0;
    mutator mutate(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (mutated < runs || std::chrono::steady_clock::now() < end) {
        run(mutate.next(corpus));
        ++mutated;
    }
    std::printf(
        "%zu kept inputs and %llu mutated ones: all held\n", corpus.size(), static_cast<unsigned long long>(mutated));
}
