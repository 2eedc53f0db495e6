/// Where a run keeps snapshots to be gone back over with few of them, and how many of its steps are then taken again: the
/// optimal schedule of Griewank and Walther ("Algorithm 799: revolve", ACM Transactions on Mathematical Software 26,
/// 2000). With s snapshots and every step taken at most r times, C(s + r, s) points can be visited backwards; r = 2 is
/// every step twice, with about the root of 2 T snapshots.
public struct ReplayPlan: Sendable {
  /// Snapshots that are kept at the same time, that of the start among them.
  let snapshots: Int

  public init(snapshots: Int) { self.snapshots = snapshots }

  /// C(snapshots + sweeps, snapshots), or the largest number.
  private static func reach(_ snapshots: Int, _ sweeps: Int) -> Int {
    guard sweeps >= 0 else { return 0 }
    var found = 1
    let few = min(snapshots, sweeps)
    let many = min(max(snapshots, sweeps), .max >> 1)
    var i = 0
    while i < few {
      i += 1
      let (product, overflow) = found.multipliedReportingOverflow(by: many + i)
      if overflow { return .max }
      found = product / i
    }
    return found
  }

  private func sweeps(_ points: Int) -> Int {
    if snapshots == 1 { return points - 1 }
    var sweeps = 0
    while Self.reach(snapshots, sweeps) < points { sweeps += 1 }
    return sweeps
  }

  /// Steps from the first of so many points, at which there is a snapshot, to where the next one is kept. The last point
  /// needs none.
  public func distance(_ points: Int) -> Int {
    guard snapshots > 1 else { return points - 1 }
    let sweeps = sweeps(points)
    return max(1, Self.reach(snapshots, sweeps - 2), points - Self.reach(snapshots - 1, sweeps))
  }

  /// Steps that are taken a second time or more on the way back over a run of so many.
  func replays(_ steps: Int) -> Int {
    guard steps > snapshots else { return 0 }
    guard steps < .max >> 1 else { return .max }
    // The end of the run is a point, too: there the validation loss is differentiated.
    let points = steps + 1
    let sweeps = sweeps(points)
    let (all, overflow) = sweeps.multipliedReportingOverflow(by: points)
    return overflow ? .max : all - Self.reach(snapshots + 1, sweeps - 1) - steps
  }

  /// The same of a run that is gone back over after every `horizon` steps.
  func replays(_ steps: Int, horizon: Int) -> Int {
    let (whole, rest) = steps.quotientAndRemainder(dividingBy: horizon)
    let (found, overflow) = whole.multipliedReportingOverflow(by: replays(horizon))
    return overflow ? .max : found + replays(rest)
  }
}
