import Vocabulary

/// initial / (1 + decay t): half the first value after 1 / decay steps.
public struct ReciprocalSchedule: CataloguedSchedule {
  public static let card = Card(
    "reciprocal", title: "reciprocal schedule", paper: "", cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value"),
      .init("decay", nil, .notNegative, "inverse of the steps until half the first value"),
    ])

  private let initial, decay: Double

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    decay = settings["decay"]
  }

  public func value(_ step: Int) -> Double { initial / (1 + decay * Double(step)) }
}
