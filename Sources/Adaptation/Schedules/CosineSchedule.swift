import Vocabulary

/// Half a cosine from initial to final, once or again and again (SGDR):
///
///     final + (initial - final) (1 + cos(pi t / T)) / 2
///
/// Without restarts T = steps, as PyTorch's CosineAnnealingLR, and final from there on (where PyTorch's climbs back).
/// With them t counts from the last restart, the first cycle takes `steps` steps and each one `cycle_mult` times
/// those of the one before, as CosineAnnealingWarmRestarts.
public struct CosineSchedule: CataloguedSchedule {
  public static let card = Card(
    "cosine", title: "cosine schedule", paper: "Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5",
    cost: "nothing",
    arguments: [
      .init("initial", nil, .finite, "the first value, also after a restart"),
      .init("final", 0, .finite, "the last value, also before a restart"),
      .init("steps", nil, .count, "steps from the first value to the last"),
      .init("cycle_mult", 0, .countOrZero, "growth of the cycles' length; 0: no restarts"),
    ])

  private let initial, last: Double
  private let steps, cycleMult: Int

  public init(_ settings: ScheduleSettings) throws {
    initial = settings["initial"]
    last = settings["final"]
    steps = settings.count("steps")
    cycleMult = settings.count("cycle_mult")
  }

  public func value(_ step: Int) -> Double {
    if cycleMult == 0, step >= steps { return last }
    let (t, length) = cycle(step)
    return cosineBetween(initial, last, fraction: Double(t) / Double(length))
  }

  /// Steps since the last restart, and the length of the cycle they are in.
  private func cycle(_ step: Int) -> (Int, Int) {
    if cycleMult <= 1 { return (step % steps, steps) }
    var (t, length) = (step, steps)
    while t >= length {
      t -= length
      length *= cycleMult
    }
    return (t, length)
  }
}
