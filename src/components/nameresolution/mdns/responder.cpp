#include "components/nameresolution/mdns/responder.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace components::nameresolution::mdns {
namespace {

constexpr uint32_t kEnoughTtl = 60;  // half of what is announced

bool Asks(const Question& question, const Instance& instance) {
  const auto any_of = [&question](std::initializer_list<uint16_t> types) {
    return question.type == kTypeAny || std::ranges::find(types, question.type) != types.end();
  };
  if (SameName(question.name, instance.service)) return any_of({kTypePtr});
  if (SameName(question.name, instance.name)) return any_of({kTypeSrv, kTypeTxt});
  return any_of({kTypeA, kTypeAaaa});
}

}  // namespace

const Instance& Responder::Add(Instance instance) {
  Remove(instance.text);
  Own& own = own_[instance.text];
  own.instance = std::move(instance);
  for (const Name* name : {&own.instance.service, &own.instance.name, &own.instance.host}) {
    by_name_.emplace(NameKey(*name), &own);
  }
  return own.instance;
}

const Instance* Responder::Find(std::string_view text) const {
  const auto found = own_.find(text);
  return found == own_.end() ? nullptr : &found->second.instance;
}

void Responder::Remove(std::string_view text) {
  const auto found = own_.find(text);
  if (found == own_.end()) return;
  std::erase_if(by_name_, [&](const auto& item) { return item.second == &found->second; });
  own_.erase(found);
}

std::vector<const Instance*> Responder::all() const {
  std::vector<const Instance*> result;
  for (const auto& [text, own] : own_) result.push_back(&own.instance);
  return result;
}

// True if the asker says that it knows the instance and will not forget it soon.
bool Responder::IsKnown(const Packet& query, const Instance& instance) const {
  return std::ranges::any_of(
      std::span(query.records).first(query.answers), [&instance](const Record& record) {
        return record.type == kTypePtr && record.ttl >= kEnoughTtl &&
               SameName(record.name, instance.service) && SameName(record.target, instance.name);
      });
}

Responder::Answers Responder::Answer(const Packet& query, unsigned interface,
                                     async::TimePoint now) {
  Answers answers;
  bool late = false;
  for (const Question& question : query.questions) {
    const auto [begin, end] = by_name_.equal_range(NameKey(question.name));
    for (auto it = begin; it != end; ++it) {
      const Instance& instance = it->second->instance;
      if (!Asks(question, instance) || IsKnown(query, instance)) continue;
      // Asked twice in one message: the answer is on its way.
      if (std::ranges::find(answers.now, &instance) != answers.now.end()) continue;
      std::vector<Told>& all = it->second->told;
      auto told = std::ranges::find(all, interface, &Told::interface);
      if (told == all.end()) {
        told = all.insert(all.end(), {.interface = interface});
      } else if (now - told->at < kLeastGap) {
        told->late = late = true;
        continue;
      }
      *told = {.interface = interface, .at = now};
      answers.now.push_back(&instance);
    }
  }
  answers.late = late && !std::exchange(planned_, true);
  return answers;
}

std::vector<Responder::Late> Responder::TakeLate(async::TimePoint now) {
  planned_ = false;
  std::vector<Late> result;
  for (auto& [text, own] : own_) {
    for (Told& told : own.told) {
      if (!told.late) continue;
      told = {.interface = told.interface, .at = now};
      result.push_back({&own.instance, told.interface});
    }
  }
  return result;
}

}  // namespace components::nameresolution::mdns
