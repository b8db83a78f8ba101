// SPDX-License-Identifier: BSL-1.0

// Payloads that the service and its operators cannot read: a codec that encrypts with AES-256-GCM. Arguments, results,
// heartbeats and details of failures then leave the process encrypted; whoever has the key reads them.

#include <mayfly/temporal/data_converter.hpp>

#include <boost/describe/class.hpp>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using mayfly::temporal::conversion_error;
using mayfly::temporal::converted;
using mayfly::temporal::data_converter;
using mayfly::temporal::payload_codec;
using payload = temporal::api::common::v1::Payload;

constexpr std::string_view encoding = "binary/encrypted";

/// 256 bits. Where they come from is yours to decide: a secrets manager, a key service.
using secret_key = std::array<unsigned char, 32>;

/** Encrypts whole payloads, with their metadata, and authenticates them.

    `data` is a nonce of 12 bytes, new for each payload, then what it encrypts, then 16 bytes that tell whether anything
    was altered: the name of the key is covered too. The name stands in the metadata, so that keys can be replaced: new
    payloads use the current one, old ones stay readable while their key is known.
*/
class encryption_codec final : public payload_codec {
public:
    encryption_codec(std::string current, std::map<std::string, secret_key> keys)
        : current_(std::move(current)), keys_(std::move(keys))
    {}

    converted<payload> encode(payload plain) const override
    {
        const auto key = keys_.find(current_);
        if (key == keys_.end())
            return conversion_error{"the current key \"" + current_ + "\" is not among the keys"};

        const std::string text = plain.SerializeAsString();
        std::string data(nonce_size + text.size() + tag_size, '\0');
        unsigned char* const nonce = bytes(data);
        int length = 0;
        const context cipher{EVP_CIPHER_CTX_new()};
        const bool good =
            cipher && RAND_bytes(nonce, nonce_size) == 1 &&
            EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key->second.data(), nonce) == 1 &&
            EVP_EncryptUpdate(cipher.get(), nullptr, &length, bytes(current_), size(current_)) == 1 &&
            EVP_EncryptUpdate(cipher.get(), nonce + nonce_size, &length, bytes(text), size(text)) == 1 &&
            EVP_EncryptFinal_ex(cipher.get(), nonce + nonce_size + length, &length) == 1 &&
            EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, tag_size, nonce + nonce_size + text.size()) == 1;
        if (!good)
            return conversion_error{"encryption with the key \"" + current_ + "\" failed"};

        payload out;
        (*out.mutable_metadata())["encoding"] = std::string(encoding);
        (*out.mutable_metadata())["encryption-key-id"] = current_;
        out.set_data(std::move(data));
        return out;
    }

    converted<payload> decode(payload p) const override
    {
        const auto& metadata = p.metadata();
        const auto said = metadata.find("encoding");
        if (said == metadata.end() || said->second != encoding)
            return p;
        const auto id = metadata.find("encryption-key-id");
        const auto key = id == metadata.end() ? keys_.end() : keys_.find(id->second);
        if (key == keys_.end())
            return conversion_error{"it was encrypted with a key that is not known here"};

        std::string& data = *p.mutable_data();
        if (data.size() < nonce_size + tag_size)
            return conversion_error{"it is too short to be encrypted data"};
        std::string text(data.size() - nonce_size - tag_size, '\0');
        unsigned char* const nonce = bytes(data);
        int length = 0;
        const context cipher{EVP_CIPHER_CTX_new()};
        const bool good =
            cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key->second.data(), nonce) == 1 &&
            EVP_DecryptUpdate(cipher.get(), nullptr, &length, bytes(key->first), size(key->first)) == 1 &&
            EVP_DecryptUpdate(cipher.get(), bytes(text), &length, nonce + nonce_size, size(text)) == 1 &&
            EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, tag_size, nonce + nonce_size + text.size()) == 1 &&
            EVP_DecryptFinal_ex(cipher.get(), bytes(text) + length, &length) == 1;
        payload out;
        if (!good || !out.ParseFromString(text))
            return conversion_error{"it was altered, or the key \"" + key->first + "\" is another one here"};
        return out;
    }

private:
    static constexpr std::size_t nonce_size = 12;
    static constexpr std::size_t tag_size = 16;

    struct closer {
        void operator()(EVP_CIPHER_CTX* c) const noexcept { EVP_CIPHER_CTX_free(c); }
    };
    using context = std::unique_ptr<EVP_CIPHER_CTX, closer>;

    static unsigned char* bytes(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }
    static const unsigned char* bytes(const std::string& s) { return reinterpret_cast<const unsigned char*>(s.data()); }
    /// A message of protobuf has less than 2 GiB, and so has all of this.
    static int size(const std::string& s) { return static_cast<int>(s.size()); }

    std::string current_;
    std::map<std::string, secret_key> keys_;
};

struct patient {
    std::string name{};
    int age = 0;
};
BOOST_DESCRIBE_STRUCT(patient, (), (name, age))

int main()
{
    secret_key key{};
    secret_key next{};
    if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1 ||
        RAND_bytes(next.data(), static_cast<int>(next.size())) != 1)
        return EXIT_FAILURE;

    const data_converter writer(
        {std::make_shared<encryption_codec>("2026-01", std::map{std::pair{std::string("2026-01"), key}})});
    const auto sent = writer.to_payload(patient{"Ada", 36});
    if (!sent) {
        std::fprintf(stderr, "%s\n", sent.error().message.c_str());
        return EXIT_FAILURE;
    }
    const bool hidden = sent->SerializeAsString().find("Ada") == std::string::npos;
    std::printf("sent      %s, %zu bytes, key %s, the name is %s\n", sent->metadata().at("encoding").c_str(),
        sent->data().size(), sent->metadata().at("encryption-key-id").c_str(), hidden ? "hidden" : "there to read");

    // A later program, whose current key is another one.
    const data_converter reader({std::make_shared<encryption_codec>(
        "2026-02", std::map<std::string, secret_key>{{"2026-01", key}, {"2026-02", next}})});
    const auto received = reader.from_payload<patient>(*sent);
    if (received)
        std::printf("received  %s, %d\n", received->name.c_str(), received->age);

    payload altered = *sent;
    altered.mutable_data()->back() ^= 1;
    const auto refused = reader.from_payload<patient>(altered);
    std::printf("altered   %s\n", refused ? "accepted" : refused.error().message.c_str());

    const auto unread = data_converter{}.from_payload<patient>(*sent);
    std::printf("no key    %s\n", unread ? "read" : unread.error().message.c_str());
    return hidden && received && received->name == "Ada" && !refused && !unread ? EXIT_SUCCESS : EXIT_FAILURE;
}
