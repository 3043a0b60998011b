#include "telemetry/exposition.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace telemetry {
namespace {

constexpr size_t kPieceBytes = 64 << 10;

void AppendSample(std::string& out, std::string_view name, std::string_view suffix,
                  std::string_view labels, double value) {
  out.append(name).append(suffix);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out += ' ';
  AppendGoFloat(out, value);
  out += '\n';
}

void AppendHistogram(std::string& out, const Series& series, const Sample& sample) {
  const std::string_view name = series.family().name;
  uint64_t count = 0;
  std::string labels;
  for (size_t i = 0; i < sample.buckets.size(); ++i) {
    count += sample.buckets[i];
    std::string bound;
    AppendGoFloat(bound, i < series.bounds().size() ? series.bounds()[i]
                                                    : std::numeric_limits<double>::infinity());
    labels = series.labels();
    AppendLabel(labels, "le", bound);
    AppendSample(out, name, "_bucket", labels, static_cast<double>(count));
  }
  AppendSample(out, name, "_sum", series.labels(), sample.value);
  AppendSample(out, name, "_count", series.labels(), static_cast<double>(count));
}

}  // namespace

void AppendLabel(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out.append(name).append("=\"");
  for (const char c : value) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendGoFloat(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  char buffer[64];
  auto done = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string_view text(buffer, done.ptr - buffer);
  const std::string_view exponent = text.substr(text.find('e') + 1);
  int power = 0;
  std::from_chars(exponent.data() + (exponent[0] == '+' ? 1 : 0), exponent.data() + exponent.size(),
                  power);
  if (power < -4 || power >= 6) {
    out += text;
    return;
  }
  done = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  out.append(buffer, done.ptr);
}

void AppendFamilyHeader(std::string& out, std::string_view name, std::string_view help, Type type) {
  out.append("# HELP ").append(name).append(" ");
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out.append("\n# TYPE ").append(name);
  switch (type) {
    case Type::kCounter:
      out += " counter\n";
      break;
    case Type::kGauge:
      out += " gauge\n";
      break;
    case Type::kHistogram:
      out += " histogram\n";
      break;
  }
}

void WriteExposition(const Registry& registry, const std::function<void(std::string_view)>& sink) {
  const auto apps = registry.Apps();  // keeps the series alive
  std::vector<const Series*> all;
  for (const auto& app : apps) app->Collect(all);
  std::ranges::sort(all, [](const Series* a, const Series* b) {
    const int order = a->family().name.compare(b->family().name);
    return order != 0 ? order < 0 : a->labels() < b->labels();
  });

  std::string out;
  std::string_view current;
  for (const Series* series : all) {
    const Sample sample = series->Read();
    if (!sample.present) continue;
    const Family& family = series->family();
    if (family.name != current) {
      current = family.name;
      AppendFamilyHeader(out, family.name, family.help, family.type);
    }
    if (family.type == Type::kHistogram) {
      AppendHistogram(out, *series, sample);
    } else {
      AppendSample(out, family.name, "", series->labels(), sample.value);
    }
    if (out.size() >= kPieceBytes) {
      sink(out);
      out.clear();
    }
  }
  AppendProcessMetrics(out);
  sink(out);
}

std::string Exposition(const Registry& registry) {
  std::string text;
  WriteExposition(registry, [&text](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace telemetry
