import Vocabulary

/// The list of schedules, one line each, and how a product of them is written as attributes.
///
///     "schedule.<i>": the name of factor i        "schedule.<i>.<argument>": its numbers
public enum ScheduleCatalogue {
  public static let schedules: [any CataloguedSchedule.Type] = [
    ConstantSchedule.self,
    StepSchedule.self,
    MultiStepSchedule.self,
    ExponentialSchedule.self,
    ReciprocalSchedule.self,
    LinearSchedule.self,
    CosineSchedule.self,
    OneCycleSchedule.self,
    WarmUpSchedule.self,
    PiecewiseSchedule.self,
    TrapezoidSchedule.self,
  ]

  private static let prefix = "schedule."

  public static func find(_ name: String) throws -> any CataloguedSchedule.Type {
    guard let schedule = schedules.first(where: { $0.card.name == name }) else {
      let known = schedules.map { $0.card.name }.joined(separator: ", ")
      throw Failure.value("there is no schedule '\(name)'; known: \(known)")
    }
    return schedule
  }

  /// The product of all schedules in the attributes; nil where there are none.
  public static func read(_ attributes: Attributes) throws -> (any Schedule)? {
    var names: [Int: String] = [:]
    var arguments: [Int: [String: Attributes.Value]] = [:]
    for (key, value) in attributes.values where key.hasPrefix(prefix) {
      let parts = key.dropFirst(prefix.count).split(
        separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      guard let index = Int(parts[0]), index >= 0, String(index) == parts[0] else {
        throw Failure.value(
          "\(attributes.owner): '\(key)' must read schedule.<number> or schedule.<number>.<argument>")
      }
      if parts.count == 1 {
        names[index] = try attributes.text(key)
      } else {
        arguments[index, default: [:]][String(parts[1])] = value
      }
    }
    for index in arguments.keys.sorted() where names[index] == nil {
      throw Failure.value("\(attributes.owner): '\(prefix)\(index)', the name of a schedule, is missing")
    }
    let factors: [any Schedule] = try names.sorted { $0.key < $1.key }.map { index, name in
      let schedule = try find(name)
      let own = Attributes(schedule.card.title, arguments[index] ?? [:])
      return try schedule.init(ScheduleSettings(schedule, own))
    }
    return factors.count > 1 ? ProductSchedule(factors) : factors.first
  }

  /// The attributes that are not about schedules.
  public static func remaining(_ attributes: Attributes) -> Attributes {
    Attributes(attributes.owner, attributes.values.filter { !$0.key.hasPrefix(prefix) })
  }
}
