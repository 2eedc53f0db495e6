/// A rate that is searched for in the first steps of a run, and that has to know how many steps the run takes.
///
/// The steps of a search end where they began: with `Decision.putBack`, upon which parameters and the direction's state are
/// those of the first step, bit for bit. They count as steps of the run.
public protocol SearchingMachine: RateMachine {
  /// Whether the next step is one of the search.
  var isSearching: Bool { get }
  /// What the search has found; NaN before its end.
  var found: Double { get }
  /// Steps that it took.
  var searched: Int { get }
  /// Steps of the run, the search included; 0 where nobody has said, the largest Int32 where it has no end.
  var run: Int { get }
  /// Steps of the run that are behind.
  var taken: Int { get }
  /// Whether the search could tell; where it could not, or there was none, the rate is the prior's.
  var isReliable: Bool { get }
  /// Steps of the rise and of the fall, of those after the search.
  var plan: (warmup: Int, decay: Int) { get }
  /// A run of so many steps begins here, whether one before it has come to its end or not. The search, where it is over,
  /// is not made again; where it is not, it goes on.
  mutating func begin(run steps: Int)
  /// The rate falls to 0 over so many steps from here, whatever the run was to be.
  mutating func finish(in steps: Int) throws
  /// The loss or its gradient is not finite: what was measured so far must do.
  mutating func giveUp()
}

/// What is asked by name of whoever holds such a machine, or may hold one; nil where the name is another's.
public func searchProperty(_ key: String, of search: (any SearchingMachine)?) -> Double? {
  switch key {
  case "searching": return search?.isSearching ?? false ? 1 : 0
  case "found": return search?.found ?? .nan
  case "searched": return Double(search?.searched ?? 0)
  case "run_steps": return search.map { $0.run == Int(Int32.max) ? .infinity : Double($0.run) } ?? 0
  case "run_taken": return Double(search?.taken ?? 0)
  case "reliable": return search?.isReliable ?? false ? 1 : 0
  case "run_warmup": return Double(search?.plan.warmup ?? 0)
  case "run_decay": return Double(search?.plan.decay ?? 0)
  default: return nil
  }
}
