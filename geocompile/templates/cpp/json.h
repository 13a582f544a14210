// Reads JSON: what a manifest and the header of a safetensors file hold. Refuses what is malformed or nested too
// deeply.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bundle {

// One JSON value; the accessors throw when it is of another kind or lacks the field, naming it.
class Json {
 public:
  static Json parse(const std::string& text);

  const std::string& text() const { return expect(Kind::kText, "a string").text_; }
  const std::vector<Json>& items() const { return expect(Kind::kArray, "an array").items_; }
  const std::vector<std::pair<std::string, Json>>& fields() const { return expect(Kind::kObject, "an object").fields_; }
  double number() const { return expect(Kind::kNumber, "a number").number_; }

  // A whole number in [0, 2^53], the range in which a double is exact.
  int64_t size() const {
    const double value = number();
    if (!(value >= 0 && value <= 9007199254740992.0) || value != static_cast<double>(static_cast<int64_t>(value))) {
      throw std::runtime_error("JSON: " + std::to_string(value) + " is no size");
    }
    return static_cast<int64_t>(value);
  }

  const Json& operator[](const std::string& key) const {
    for (const auto& [name, value] : fields()) {
      if (name == key) return value;
    }
    throw std::runtime_error("JSON: the field '" + key + "' is missing");
  }

 private:
  enum class Kind { kNull, kBool, kNumber, kText, kArray, kObject };
  friend class JsonParser;

  const Json& expect(Kind kind, const char* name) const {
    if (kind_ != kind) throw std::runtime_error(std::string("JSON: expected ") + name);
    return *this;
  }

  Kind kind_ = Kind::kNull;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> fields_;
};

class JsonParser {
 public:
  explicit JsonParser(const std::string& text) : text_(text) {}

  Json whole() {
    Json value = parse(0);
    skip_space();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  static constexpr int kMaxDepth = 64;

  Json parse(int depth) {
    if (depth > kMaxDepth) fail();
    skip_space();
    Json value;
    switch (peek()) {
      case '{': object(value, depth); break;
      case '[': array(value, depth); break;
      case '"': value.kind_ = Json::Kind::kText, value.text_ = string(); break;
      case 't': word("true"), value.kind_ = Json::Kind::kBool, value.number_ = 1; break;
      case 'f': word("false"), value.kind_ = Json::Kind::kBool; break;
      case 'n': word("null"); break;
      default: number(value);
    }
    return value;
  }

  void object(Json& value, int depth) {
    value.kind_ = Json::Kind::kObject;
    take('{');
    for (bool first = true; !ends('}'); first = false) {
      if (!first) take(',');
      skip_space();
      std::string key = string();
      skip_space();
      take(':');
      value.fields_.emplace_back(std::move(key), parse(depth + 1));
    }
  }

  void array(Json& value, int depth) {
    value.kind_ = Json::Kind::kArray;
    take('[');
    for (bool first = true; !ends(']'); first = false) {
      if (!first) take(',');
      value.items_.push_back(parse(depth + 1));
    }
  }

  std::string string() {
    std::string result;
    take('"');
    while (peek() != '"') {
      const char c = next();
      if (c == '\\') {
        escape(result);
      } else {
        result += c;
      }
    }
    take('"');
    return result;
  }

  void escape(std::string& result) {
    const char c = next();
    switch (c) {
      case 'b': result += '\b'; return;
      case 'f': result += '\f'; return;
      case 'n': result += '\n'; return;
      case 'r': result += '\r'; return;
      case 't': result += '\t'; return;
      case 'u': code_point(result); return;
      case '"':
      case '\\':
      case '/': result += c; return;
      default: fail();
    }
  }

  void code_point(std::string& result) {
    uint32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {  // the first half of a surrogate pair
      take('\\'), take('u');
      const uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail();
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code < 0x80) {
      result += static_cast<char>(code);
      return;
    }
    const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const uint32_t marks[] = {0, 0xC0, 0xE0, 0xF0};
    result += static_cast<char>(marks[tail] | (code >> (6 * tail)));
    for (int i = tail - 1; i >= 0; --i) result += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = next();
      const char lower = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9')
        code = code * 16 + static_cast<uint32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code * 16 + static_cast<uint32_t>(lower - 'a' + 10);
      else
        fail();
    }
    return code;
  }

  void number(Json& value) {
    const char c = peek();
    if (c != '-' && (c < '0' || c > '9')) fail();
    const char* begin = text_.c_str() + at_;
    char* end = nullptr;
    value.kind_ = Json::Kind::kNumber;
    value.number_ = std::strtod(begin, &end);
    if (end == begin) fail();
    at_ += static_cast<size_t>(end - begin);
  }

  void word(const char* expected) {
    for (; *expected; ++expected) take(*expected);
  }

  bool ends(char close) {
    skip_space();
    if (peek() != close) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos) ++at_;
  }

  char peek() const {
    if (at_ >= text_.size()) fail();
    return text_[at_];
  }

  char next() {
    const char c = peek();
    ++at_;
    return c;
  }

  void take(char expected) {
    if (next() != expected) fail();
  }

  [[noreturn]] void fail() const { throw std::runtime_error("JSON: malformed at byte " + std::to_string(at_)); }

  const std::string& text_;
  size_t at_ = 0;
};

inline Json Json::parse(const std::string& text) { return JsonParser(text).whole(); }

}  // namespace bundle
