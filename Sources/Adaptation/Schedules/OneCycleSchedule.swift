import Vocabulary

/// One cycle: from max / div up to max, then down to max / (div final_div), both along half a cosine.
///
/// As PyTorch's OneCycleLR with two phases, its uneven ends included: of `steps` steps the highest is number
/// warm_fraction steps - 1, which need not be whole, and the lowest is the last. That value is kept from there on.
public struct OneCycleSchedule: CataloguedSchedule {
  public static let card = Card(
    "one_cycle", title: "one-cycle schedule", paper: "Smith and Topin 2017, arXiv 1708.07120",
    cost: "nothing",
    arguments: [
      .init("max", nil, .finite, "the highest value"),
      .init("steps", nil, .count, "steps of the whole cycle"),
      .init("warm_fraction", 0.3, .from(0, below: 1), "part of the cycle that rises"),
      .init("div", 25, .positive, "the highest value, as a multiple of the first"),
      .init("final_div", 1e4, .positive, "the first value, as a multiple of the last"),
    ])

  private let first, highest, lowest: Double
  /// Steps at which the highest and the lowest value are reached.
  private let top, end: Double

  public init(_ settings: ScheduleSettings) throws {
    highest = settings["max"]
    first = highest / settings["div"]
    lowest = first / settings["final_div"]
    let steps = settings["steps"]
    top = settings["warm_fraction"] * steps - 1
    end = steps - 1
  }

  public func value(_ step: Int) -> Double {
    let t = min(Double(step), end)
    // Not <=: with top = 0 step 0 is the highest, and its fraction of the way up would be 0 / 0.
    if t < top { return cosineBetween(first, highest, fraction: t / top) }
    return cosineBetween(highest, lowest, fraction: (t - top) / (end - top))
  }
}
