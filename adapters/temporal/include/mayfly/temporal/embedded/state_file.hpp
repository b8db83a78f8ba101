// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mayfly/temporal/embedded/record.hpp>
#include <mayfly/temporal/embedded/state_format.hpp>

#include <boost/system/result.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mayfly::temporal::embedded {

struct state_file_options {
    /// Wait for the disk before anything is answered. Without it an answer outlives the process, however that ends, but
    /// perhaps not the machine's last half minute.
    bool sync = false;
    std::uint64_t compact_above = 16 * 1024 * 1024;  ///< Bytes, from which on a rewrite may be worth it.
};

/** Keeps records in a file, so that a restart finds all that was accepted.

    Changes are appended, and the file is written anew when most of it is history: beside the old one, which it then
    replaces at once. Whatever moment the process ends at, the file is whole, except perhaps for an append that nobody
    was told of. One service uses a file at a time.

    It blocks, mostly for some microseconds. Problems are sentences for the user; the file is never overwritten when it
    is not understood.
*/
class state_file {
public:
    struct loaded {
        records found{};        ///< The last of each thing, by kind and key.
        std::uint64_t cut = 0;  ///< Bytes at the end that were an unfinished append, and are gone.
    };
    /// Empty if all is well.
    using problem_text = std::string;

    state_file() = default;
    state_file(const state_file&) = delete;
    state_file& operator=(const state_file&) = delete;
    ~state_file() { close(); }

    /// A file that is not there is made.
    [[nodiscard]] boost::system::result<loaded, problem_text> open(std::string path, state_file_options options = {})
    {
        close();
        path_ = std::move(path);
        options_ = options;
        if (problem_text wrong = lock(); !wrong.empty())
            return fail(std::move(wrong));
        file_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (file_ < 0 && errno == ENOENT)
            return create();
        if (file_ < 0)
            return fail(told("cannot be opened"));
        boost::system::result<loaded, problem_text> out = load();
        if (!out)
            close();
        return out;
    }

    [[nodiscard]] bool is_open() const noexcept { return file_ >= 0; }

    /// What was changed, before anybody hears of it. After a problem nothing more is accepted: what is in memory is
    /// ahead of the file.
    [[nodiscard]] problem_text append(const records& changed)
    {
        if (changed.empty())
            return {};
        if (broken_)
            return path_ + ": an earlier change could not be written";
        buffer_.clear();
        append_frame(buffer_, changed.data(), changed.data() + changed.size());
        if (!write_all(file_, buffer_) || (options_.sync && ::fdatasync(file_) != 0)) {
            broken_ = true;
            problem_text wrong = told("cannot be written to");
            static_cast<void>(::ftruncate(file_, static_cast<::off_t>(size_)));
            return wrong;
        }
        size_ += buffer_.size();
        return {};
    }

    /// Whether most of the file is history.
    [[nodiscard]] bool wants_compaction() const noexcept
    {
        return size_ > options_.compact_above && size_ / 2 > compacted_;
    }

    /// Writes the file anew, with all there is. After a problem it is as before.
    [[nodiscard]] problem_text compact(const records& all)
    {
        const std::string fresh = path_ + ".new";
        const int to = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
        if (to < 0)
            return path_ + ".new cannot be made: " + std::generic_category().message(errno);
        std::uint64_t written = 0;
        if (!write_whole(to, all, written) || ::fdatasync(to) != 0 || ::rename(fresh.c_str(), path_.c_str()) != 0) {
            problem_text wrong = path_ + ".new cannot be written: " + std::generic_category().message(errno);
            ::close(to);
            ::unlink(fresh.c_str());
            compacted_ = size_;  // Not again before it has doubled.
            return wrong;
        }
        sync_folder();
        if (file_ >= 0)
            ::close(file_);
        file_ = to;
        size_ = compacted_ = written;
        return {};
    }

    /// Everything is on the disk then.
    void close()
    {
        if (file_ >= 0) {
            static_cast<void>(::fdatasync(file_));
            ::close(file_);
        }
        if (lock_ >= 0)
            ::close(lock_);
        file_ = lock_ = -1;
        size_ = compacted_ = 0;
        broken_ = false;
    }

private:
    [[nodiscard]] problem_text told(std::string_view what) const
    {
        return path_ + ' ' + std::string{what} + ": " + std::generic_category().message(errno);
    }

    [[nodiscard]] problem_text fail(problem_text wrong)
    {
        close();
        return wrong;
    }

    // The file itself is replaced now and then, so it cannot be what is locked.
    [[nodiscard]] problem_text lock()
    {
        const std::string name = path_ + ".lock";
        lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (lock_ < 0)
            return name + " cannot be made: " + std::generic_category().message(errno);
        if (::flock(lock_, LOCK_EX | LOCK_NB) == 0)
            return {};
        if (errno == EWOULDBLOCK)
            return path_ + " is in use by another service; stop that, or give this one a file of its own";
        return name + " cannot be locked: " + std::generic_category().message(errno);
    }

    [[nodiscard]] boost::system::result<loaded, problem_text> create()
    {
        if (problem_text wrong = compact({}); !wrong.empty())
            return fail(std::move(wrong));
        return loaded{};
    }

    [[nodiscard]] boost::system::result<loaded, problem_text> load()
    {
        struct ::stat about {};
        if (::fstat(file_, &about) != 0)
            return told("cannot be read");
        if (!S_ISREG(about.st_mode))
            return path_ + " is no file; give the name of one";
        const auto total = static_cast<std::uint64_t>(about.st_size);
        std::string bytes;
        if (!read_at(0, state_header.size(), bytes) || bytes != state_header) {
            const bool of_another_version = bytes.starts_with(state_header.substr(0, state_header.size() - 2));
            return path_ +
                   (of_another_version ? " was written by another version of mayfly; use that one"
                                       : " is no state file of mayfly") +
                   ", or give another name. It is left as it is";
        }

        std::map<std::pair<record_kind, std::string>, std::string> last;
        loaded out;
        std::uint64_t at = state_header.size();
        while (at < total) {
            const std::uint64_t left = total - at;
            if (!read_at(at, std::min<std::uint64_t>(left, frame_head_size), bytes))
                return told("cannot be read");
            const frame_head head = read_frame_head(bytes, left);
            if (head.is == frame_head::kind::cut || (head.is == frame_head::kind::blank && zeros_from(at, total))) {
                out.cut = left;
                break;
            }
            if (head.is == frame_head::kind::whole && !read_at(at, head.size, bytes))
                return told("cannot be read");
            std::optional<records> found;
            if (head.is == frame_head::kind::whole)
                found = read_frame(bytes);
            if (!found)
                return path_ + " is damaged at byte " + std::to_string(at) + " of " + std::to_string(total) +
                       ". It is left as it is: take an earlier copy of it, or give another name";
            for (record& r : *found) {
                std::pair key{r.kind, std::move(r.key)};
                if (r.erased)
                    last.erase(key);
                else
                    last[std::move(key)] = std::move(r.value);
            }
            at += head.size;
        }
        if (out.cut > 0 && ::ftruncate(file_, static_cast<::off_t>(at)) != 0)
            return told("cannot be written to");
        if (::lseek(file_, 0, SEEK_END) < 0)
            return told("cannot be read");
        size_ = at;
        for (auto& [key, value] : last)
            out.found.push_back({.kind = key.first, .key = key.second, .value = std::move(value)});
        return out;
    }

    [[nodiscard]] bool read_at(std::uint64_t at, std::uint64_t count, std::string& into)
    {
        into.resize(count);
        for (std::size_t done = 0; done < count;) {
            const ::ssize_t got = ::pread(file_, into.data() + done, count - done, static_cast<::off_t>(at + done));
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0) {
                into.resize(done);
                return false;
            }
            done += static_cast<std::size_t>(got);
        }
        return true;
    }

    [[nodiscard]] bool zeros_from(std::uint64_t at, std::uint64_t end)
    {
        std::string bytes;
        for (; at < end; at += bytes.size())
            if (!read_at(at, std::min<std::uint64_t>(end - at, 65'536), bytes) ||
                bytes.find_first_not_of('\0') != bytes.npos)
                return false;
        return true;
    }

    [[nodiscard]] static bool write_all(int to, std::string_view bytes)
    {
        while (!bytes.empty()) {
            const ::ssize_t put = ::write(to, bytes.data(), bytes.size());
            if (put < 0 && errno != EINTR)
                return false;
            if (put > 0)
                bytes.remove_prefix(static_cast<std::size_t>(put));
        }
        return true;
    }

    [[nodiscard]] bool write_whole(int to, const records& all, std::uint64_t& written)
    {
        constexpr std::size_t at_once = 1024 * 1024;
        buffer_.assign(state_header);
        for (std::size_t begin = 0; begin < all.size();) {
            std::size_t end = begin;
            for (std::size_t size = 0; end < all.size() && size < at_once; ++end)
                size += frame_size(all[end]);
            append_frame(buffer_, all.data() + begin, all.data() + end);
            begin = end;
            if (!write_all(to, buffer_))
                return false;
            written += buffer_.size();
            buffer_.clear();
        }
        written += buffer_.size();
        return write_all(to, buffer_);
    }

    // So that the new name holds, too, when the machine stops. Not every file system can, and then there is no help.
    void sync_folder() const
    {
        std::filesystem::path folder = std::filesystem::path{path_}.parent_path();
        if (folder.empty())
            folder = ".";
        if (const int f = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); f >= 0) {
            static_cast<void>(::fsync(f));
            ::close(f);
        }
    }

    std::string path_;
    state_file_options options_{};
    std::string buffer_;
    int file_ = -1;
    int lock_ = -1;
    std::uint64_t size_ = 0;
    std::uint64_t compacted_ = 0;  // How much of it was not history when it was written anew.
    bool broken_ = false;
};

}  // namespace mayfly::temporal::embedded
