import Vocabulary

/// The same at every step.
public struct ConstantSchedule: CataloguedSchedule {
  public static let card = Card(
    "constant", title: "constant schedule", paper: "", cost: "nothing",
    arguments: [.init("rate", nil, .finite, "the value")])

  private let rate: Double

  public init(_ settings: ScheduleSettings) throws { rate = settings["rate"] }

  public func value(_ step: Int) -> Double { rate }
}
