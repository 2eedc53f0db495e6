import Vocabulary

/// A straight line from initial at step 0 to final at step `steps`, final from there on: PyTorch's LinearLR in
/// absolute values.
public struct LinearSchedule: CataloguedSchedule {
  public static let card = Card(
    "linear", title: "linear schedule", paper: "", cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value"),
      .init("final", nil, .finite, "the last value"),
      .init("steps", nil, .count, "steps until the last value"),
    ])

  private let initial, last: Double
  private let steps: Int

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    last = settings["final"]
    steps = settings.count("steps")
  }

  public func value(_ step: Int) -> Double {
    guard step < steps else { return last }
    return initial + (last - initial) * Double(step) / Double(steps)
  }
}
