import Vocabulary

/// Up in a straight line, level, and down to 0 in a straight line: the rate, at step t of `steps`, times
///
///     min(1, (t + 1) / warmup, (steps - t) / decay)
///
/// and 0 from step `steps` on. No step has the rate 0 before.
public struct TrapezoidSchedule: CataloguedSchedule {
  public static let card = Card(
    "trapezoid", title: "trapezoid schedule",
    paper: "Hägele et al. 2024, arXiv 2405.18392 (constant rate and cooldown)", cost: "nothing",
    arguments: [
      .init("rate", nil, .finite, "the value where it is level"),
      .init("steps", nil, .count, "steps until the value is 0"),
      .init("warmup", 0, .countOrZero, "steps of the rise"),
      .init("decay", 0, .countOrZero, "steps of the fall"),
    ])

  private let rate: Double
  private let steps, warmup, decay: Int

  public init(_ settings: ScheduleSettings) throws {
    rate = settings["rate"]
    (steps, warmup, decay) = (settings.count("steps"), settings.count("warmup"), settings.count("decay"))
  }

  public func value(_ step: Int) -> Double {
    rate * Self.share(step, of: steps, warmup: warmup, decay: decay)
  }

  static func share(_ step: Int, of steps: Int, warmup: Int, decay: Int) -> Double {
    guard step < steps else { return 0 }
    let rise = warmup > 0 ? Double(step + 1) / Double(warmup) : 1
    let fall = decay > 0 ? Double(steps - step) / Double(decay) : 1
    return min(1, rise, fall)
  }
}
