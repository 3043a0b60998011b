#include "components/nameresolution/mdns/responder.hpp"

#include <algorithm>

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
  const std::size_t index = instances_.size();
  for (const Name* name : {&instance.service, &instance.name, &instance.host}) {
    by_name_.emplace(NameKey(*name), index);
  }
  states_.emplace_back();
  return instances_.emplace_back(std::move(instance));
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
  for (const Question& question : query.questions) {
    const auto [begin, end] = by_name_.equal_range(NameKey(question.name));
    for (auto it = begin; it != end; ++it) {
      const Instance& instance = instances_[it->second];
      if (!Asks(question, instance) || IsKnown(query, instance)) continue;
      State& state = states_[it->second];
      auto told = std::ranges::find(state.told, interface, &std::pair<unsigned, async::TimePoint>::first);
      if (told != state.told.end() && now - told->second < kLeastGap) {
        // Asked twice in one message: the first answer is on its way.
        if (told->second == now && std::ranges::find(answers.now, &instance) != answers.now.end()) continue;
        state.late = true;
        continue;
      }
      if (told == state.told.end()) {
        state.told.emplace_back(interface, now);
      } else {
        told->second = now;
      }
      answers.now.push_back(&instance);
    }
  }
  const bool any_late = std::ranges::any_of(states_, &State::late);
  answers.late = any_late && !std::exchange(late_, any_late);
  return answers;
}

std::vector<const Instance*> Responder::TakeLate(async::TimePoint now) {
  late_ = false;
  std::vector<const Instance*> result;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (!std::exchange(states_[i].late, false)) continue;
    for (auto& told : states_[i].told) told.second = now;
    result.push_back(&instances_[i]);
  }
  return result;
}

}  // namespace components::nameresolution::mdns
