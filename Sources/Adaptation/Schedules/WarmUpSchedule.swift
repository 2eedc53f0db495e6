import Vocabulary

/// A factor that rises in a straight line from start_factor at step 0 to 1 at step `steps`, 1 from there on, as
/// PyTorch's LinearLR. Made to be multiplied with a schedule or a rate.
public struct WarmUpSchedule: CataloguedSchedule {
  public static let card = Card(
    "warm_up", title: "warm-up", paper: "Goyal et al. 2017, arXiv 1706.02677, section 2.2", cost: "nothing",
    arguments: [
      .init("steps", nil, .count, "steps until the factor is 1"),
      .init("start_factor", 1 / 3, .from(0, below: 1), "the first factor"),
    ])

  private let startFactor: Double
  private let steps: Int

  public init(_ settings: ScheduleSettings) throws {
    startFactor = settings["start_factor"]
    steps = settings.count("steps")
  }

  public func value(_ step: Int) -> Double {
    guard step < steps else { return 1 }
    return startFactor + (1 - startFactor) * Double(step) / Double(steps)
  }
}
