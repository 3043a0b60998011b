// The process_* families of Prometheus clients, read from /proc when the metrics page is printed.
// A value that cannot be read is left out.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/exposition.hpp"

namespace telemetry {
namespace {

std::string ReadFile(const char* path) {
  std::string text;
  if (FILE* file = std::fopen(path, "re")) {
    char buffer[4096];
    while (const size_t n = std::fread(buffer, 1, sizeof(buffer), file)) text.append(buffer, n);
    std::fclose(file);
  }
  return text;
}

std::optional<double> ToNumber(std::string_view text) {
  double value = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc()) return std::nullopt;
  return value;
}

// /proc/self/stat from its third field on: the second, the program's name, may contain blanks.
std::vector<std::string> StatFields() {
  const std::string text = ReadFile("/proc/self/stat");
  std::vector<std::string> fields;
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return fields;
  for (size_t i = name_end + 1; i < text.size();) {
    const size_t start = text.find_first_not_of(" \n", i);
    if (start == std::string::npos) break;
    i = std::min(text.find_first_of(" \n", start), text.size());
    fields.push_back(text.substr(start, i - start));
  }
  return fields;
}

// Boot time, seconds since the epoch; never changes.
std::optional<double> BootTime() {
  static const std::optional<double> boot = []() -> std::optional<double> {
    const std::string text = ReadFile("/proc/stat");
    const size_t at = text.find("\nbtime ");
    if (at == std::string::npos) return std::nullopt;
    const size_t start = at + 7;
    return ToNumber(std::string_view(text).substr(start, text.find('\n', start) - start));
  }();
  return boot;
}

std::optional<double> OpenFiles() {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return std::nullopt;
  double count = -1;  // the directory being read is open too
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(dir);
  return count;
}

void Append(std::string& out, std::string_view name, std::string_view help, Type type,
            std::optional<double> value) {
  if (!value) return;
  AppendFamilyHeader(out, name, help, type);
  out.append(name).append(" ");
  AppendGoFloat(out, *value);
  out += '\n';
}

}  // namespace

void AppendProcessMetrics(std::string& out) {
  const std::vector<std::string> fields = StatFields();
  const auto field = [&fields](size_t number) -> std::optional<double> {  // numbered as in proc(5)
    return number - 3 < fields.size() ? ToNumber(fields[number - 3]) : std::nullopt;
  };
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  const auto user = field(14);
  const auto system = field(15);
  const auto start = field(22);
  const auto virtual_bytes = field(23);
  const auto resident_pages = field(24);

  std::optional<double> cpu;
  if (user && system) cpu = (*user + *system) / ticks;
  std::optional<double> started;
  if (start && BootTime()) started = *BootTime() + *start / ticks;
  std::optional<double> resident;
  if (resident_pages) resident = *resident_pages * page;
  std::optional<double> max_files;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) max_files = static_cast<double>(limit.rlim_cur);

  Append(out, "process_cpu_seconds_total", "User and system CPU time used, in seconds.",
         Type::kCounter, cpu);
  Append(out, "process_max_fds", "How many files may be open at once.", Type::kGauge, max_files);
  Append(out, "process_open_fds", "How many files are open.", Type::kGauge, OpenFiles());
  Append(out, "process_resident_memory_bytes", "Resident memory in bytes.", Type::kGauge, resident);
  Append(out, "process_start_time_seconds", "When the process started, in seconds since the epoch.",
         Type::kGauge, started);
  Append(out, "process_virtual_memory_bytes", "Virtual memory in bytes.", Type::kGauge,
         virtual_bytes);
}

}  // namespace telemetry
