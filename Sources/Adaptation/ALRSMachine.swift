import Vocabulary

/// What ALRS makes of derivatives of the loss with respect to the rate: signals for a search, one for each window of them.
///
/// A finder evaluates the loss at theta + A, where A is the step that the optimizer would have made on the batch before,
/// and feeds <gradient there, A>, batch by batch: negative while a longer step would still have gone down. The machine
/// decides which of them count, what a window of them says, and when A and the optimizer's state must start anew. It
/// sees numbers only, so finders whose vectors live elsewhere share it.
///
/// Readings (algorithms: the printed loop is ambiguous): by default A is the last step alone, while the optimizer's own
/// state runs on. With `accumulate` the finder sums the steps of a window, and starts anew at every signal; without
/// `anew` it sums them throughout, as the loop is printed. The first
/// derivative is 0 because A is, and counts only with `count_first_zero`.
///
/// What the optimizer remembers belongs to the rates it was gathered at: overlong steps early in a search from above
/// fill Adam's second moment and would let it end higher than one from below. So A and the optimizer's state start anew
/// whenever the value has moved by `restart` since they last did.
///
/// With the rule "trials" derivatives decide nothing: losses of short runs do (`RateTrials`), whose steps the finder
/// sums in A. The machine then only says when a run begins anew.
public struct ALRSMachine {
  /// How a window of derivatives becomes a signal.
  public enum Rule: String, CaseIterable, Sendable {
    /// The paper's: increase where 9 of 10 are negative and their sum is, else decrease.
    case signs
    /// Short training runs are compared by their losses instead.
    case trials
  }

  /// What became of a derivative.
  public struct Verdict: Equatable, Sendable {
    /// As it counts: infinite where it was not finite, NaN where none counts.
    public var derivative: Double
    /// Given to the search at the end of a window: +1 increase, -1 decrease, 0 within.
    public var signal = 0
    /// A is 0 from here, and the optimizer's state as at its first step.
    public var startsAnew = false
  }

  public var search: SBFSearch
  /// What finds the rate with the rule "trials", begun at the search's value; the search then stays as it is.
  public private(set) var trials: RateTrials?
  /// Whether A is the sum of all steps since it last was 0.
  public let accumulates: Bool
  private let window: Int
  /// Whether A, where it accumulates, starts anew at every signal.
  private let startsAnewAtSignals: Bool
  /// The share of a window's derivatives that must be negative for an increase.
  private let threshold: Double
  private let countFirstZero: Bool
  private let restart: Double
  /// Those of the window so far.
  private var derivatives: [Double] = []
  /// Whether A may be other than 0.
  private var isDisplaced = false
  /// The value when A and the state last started anew for its sake.
  private var restartedAt: Double

  /// Attributes: window, derivatives per signal; rule, "signs"; accumulate, anew, count_first_zero; threshold, 0.9;
  /// restart, 2. With the rule
  /// "trials": rule, and rows of a batch, 64.
  public init(_ search: SBFSearch, _ attributes: Attributes) throws {
    let owner = attributes.owner
    self.search = search
    let name = try attributes.text("rule", default: Rule.signs.rawValue)
    guard let rule = Rule(rawValue: name) else {
      let known = Rule.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure.value("\(owner): rule: got '\(name)'; allowed: \(known)")
    }
    restartedAt = search.value
    if rule == .trials {
      try attributes.allow(["rule", "rows"])
      let rows = try attributes.number("rows", default: RateTrials.usualRows)
      guard Bounds.count.contains(rows) else {
        throw Failure.value("\(owner): rows must be \(Bounds.count), got \(rows)")
      }
      (trials, accumulates) = (RateTrials(start: search.value, rows: rows), true)
      (window, countFirstZero, restart) = (.max, false, .infinity)
      (startsAnewAtSignals, threshold) = (true, 0.9)
      return
    }
    try attributes.allow([
      "window", "rule", "accumulate", "anew", "count_first_zero", "threshold", "restart",
    ])
    window = try attributes.integer("window")
    guard window >= 1 else { throw Failure.value("\(owner): window must be at least 1, got \(window)") }
    accumulates = try attributes.flag("accumulate", default: false)
    startsAnewAtSignals = try attributes.flag("anew", default: true)
    countFirstZero = try attributes.flag("count_first_zero", default: false)
    threshold = try attributes.number("threshold", default: 0.9)
    guard threshold > 0, threshold <= 1 else {
      throw Failure.value("\(owner): threshold must be above 0 and at most 1, got \(threshold)")
    }
    restart = try attributes.number("restart", default: 2)
    guard restart > 1 else { throw Failure.value("\(owner): restart must be above 1, got \(restart)") }
  }

  /// The rate of the next step.
  public var value: Double { trials?.value ?? search.value }
  public var isDone: Bool { trials?.isDone ?? search.isDone }

  public func checkOpen() throws {
    guard !isDone else { throw Failure.value("find_lr: the search is done") }
  }

  /// What trials are to know of the first direction: `RateTrials.see`. Signs want nothing of it.
  public mutating func see(gradient2: Double, slope: Double, direction2: Double, entries: Double) {
    trials?.see(gradient2: gradient2, slope: slope, direction2: direction2, entries: entries)
  }

  /// Takes <g, A> and the loss of one batch at theta + A; a derivative that is not finite where the loss, the gradient
  /// or the next A is not, which counts against the rate. Signs want no loss.
  public mutating func observe(_ derivative: Double, loss: Double = .nan) throws -> Verdict {
    try checkOpen()
    var verdict = Verdict(derivative: derivative.isFinite ? derivative : .infinity)
    // where another search has said its value since, and the finder does not ask before it displaces
    if trials == nil, restartsWhereMoved() { return Verdict(derivative: .nan, startsAnew: true) }
    if !derivative.isFinite {
      verdict.startsAnew = true
    } else if !isDisplaced && !countFirstZero {
      verdict.derivative = .nan
    }
    isDisplaced = value > 0
    if trials != nil {
      verdict.startsAnew = trials!.observe(loss: derivative.isFinite ? loss : .infinity)
      if verdict.startsAnew { isDisplaced = false }
      return verdict
    }
    if !verdict.derivative.isNaN { derivatives.append(verdict.derivative) }
    if derivatives.count == window { try conclude(&verdict) }
    if verdict.startsAnew { isDisplaced = false }
    return verdict
  }

  /// Whether the value has moved so far since A and the state last started anew that they must again.
  public mutating func restartsWhereMoved() -> Bool {
    let moved = value / restartedAt
    guard moved >= restart || moved <= 1 / restart else { return false }
    (restartedAt, isDisplaced) = (value, false)
    return true
  }

  private mutating func conclude(_ verdict: inout Verdict) throws {
    let negative = derivatives.filter { $0 < 0 }.count
    let rises = Double(negative) >= threshold * Double(window) && derivatives.reduce(0, +) < 0
    verdict.signal = rises ? 1 : -1
    derivatives.removeAll(keepingCapacity: true)
    try search.signal(Double(verdict.signal))
    if restartsWhereMoved() { verdict.startsAnew = true }
    if accumulates, startsAnewAtSignals { verdict.startsAnew = true }
  }
}
