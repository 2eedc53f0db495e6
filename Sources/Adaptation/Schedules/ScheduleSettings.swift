import Vocabulary

/// Argument values of a schedule, numbers and lists, that were checked against its card.
public struct ScheduleSettings: Sendable {
  private var values: [String: [Double]] = [:]

  public init(_ schedule: any CataloguedSchedule.Type, _ attributes: Attributes) throws {
    let card = schedule.card
    try attributes.allow(card.arguments.map(\.name))
    for argument in card.arguments {
      let isList = schedule.lists.contains(argument.name)
      let numbers =
        isList
        ? try attributes.numbers(argument.name)
        : [try attributes.number(argument.name, default: argument.default)]
      guard !numbers.isEmpty else {
        throw Failure.value("\(attributes.owner): \(argument.name) must not be empty")
      }
      for (i, number) in numbers.enumerated() where !argument.bounds.contains(number) {
        let place = isList ? "\(argument.name)[\(i)]" : argument.name
        throw Failure.value("\(attributes.owner): \(place) must be \(argument.bounds), got \(number)")
      }
      values[argument.name] = numbers
    }
  }

  public subscript(_ name: String) -> Double { values[name]![0] }

  /// An argument whose bounds are those of a count.
  public func count(_ name: String) -> Int { Int(self[name]) }

  public func list(_ name: String) -> [Double] { values[name]! }
}
