import Vocabulary

/// n values, each for the same share of `steps`: the one at index floor(n t / steps), the last one from there on. This
/// is what FDS learns; values may be negative.
public struct PiecewiseSchedule: CataloguedSchedule {
  public static let card = Card(
    "piecewise", title: "piecewise schedule", paper: "Micaelli and Storkey 2021, arXiv 2007.07869",
    cost: "nothing",
    arguments: [
      .init("values", nil, .finite, "the values, in order"),
      .init("steps", nil, .count, "steps over which the values are spread"),
    ])
  public static let lists = ["values"]

  private let values: [Double]
  private let steps: Int

  public init(_ settings: ScheduleSettings) throws {
    values = settings.list("values")
    steps = settings.count("steps")
  }

  public func value(_ step: Int) -> Double {
    values[min(max(0, values.count * step / steps), values.count - 1)]
  }
}
