import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A rate that needs no choice: found by a ramp in the first steps of the run, undone, and then taken up in a warm-up, held,
/// and brought down to 0 at the end.
///
/// How the rate follows from the ramp's was chosen on the choosing half of the leaderboard's workloads (docs/auto.md says
/// what was tried): a share of the rate at which the derivative turns, as noise adds up over a run and not over a ramp; more
/// for runs below 600 steps, by a cube root; and a cap, as a ramp of a small network may end at rates that no long run
/// survives.
public struct Auto: SearchingMachine {
  public static let card = Card(
    "auto", title: "Auto",
    about: """
      Finds its rate in the first steps of the run, which it undoes, and plans the rest: warm-up, level, down to 0.

      In the search the rate grows by the same factor at every step, until <g, d'> says that steps are too long: g is the
      gradient after a step along d'. Then parameters and the direction's state are those of the first step again, and
      the rate at step t of the n that are left is

          rate min(1, (t + 1) / (warmup n), (n - t) / (decay n))

      `fit` tells it the number of steps; other loops give `steps`. A run of infinity steps has the search and the rise
      of one of 600 or more, and stays level until `finish(steps)` lets it fall; where that is never called, it never
      ends. A run too short for a search of 16 steps takes the rate `prior`, as does one whose gradients are too noisy
      to agree with any step. Constants were chosen with AdamW.
      """,
    paper: "docs/auto.md; the derivative's sign: the ALRS paper", cost: "an inner product and a vector",
    arguments: [
      .init(
        "steps", optional: .countOrInfinite,
        "steps of the run, search included; infinity: until `finish`; none: what `fit` knows"),
      .init("search", 0.06, .from(0, below: 1), "share of the run that a search takes at most; 0: no search"),
      .init("prior", 0.01, .positive, "the rate of a run of 600 steps or more where there is no search"),
      .init("warmup", 0.05, .within(0, 1), "share of the steps over which the rate rises"),
      .init("decay", 0.6, .within(0, 1), "share of the steps over which it falls to 0"),
    ])
  public static let memories: Set<Memory> = [.previous, .searchStart]
  public static let needsLoss = true
  /// <g, d'> / <g, d> is the same of a gradient that is followed and of one that was not clipped.
  public static let seesLoss = false

  /// No ramp is shorter, as its rates would lie too far apart; none is longer, as it would find the same.
  static let shortest = 16, longest = 60
  /// Of the ramp's rate, for a run of `usual` steps or more; less along gradients, which no second moment tames.
  private static let share = 0.8, shareOfGradient = 0.2, usual = 600.0
  private static let exponent = 1.0 / 3
  /// Of a direction whose entries are near 1, whatever the gradient: the ramp's first rate, and the highest that is taken.
  /// Where entries are of another size at the first step, the highest is to move them as far.
  private static let first = 1e-4, cap = 0.03
  /// Of other directions: the first rate is to lower the loss by this share, to first order.
  private static let lowering = 3e-3
  /// A ramp that began too high begins anew lower by so much, once.
  private static let retreat = 1e-3

  private let searchShare, prior, warmup, decay: Double
  private let limits: RateLimits
  public private(set) var run: Int
  public private(set) var taken = 0
  public private(set) var searched = 0
  public private(set) var found = Double.nan
  /// Where a search is under way; begun with the first step that is seen.
  private var ramp: RateRamp?
  private var retreated = false
  /// Whether the search could tell; where it could not, or there was none, the rate is the prior's.
  public private(set) var isReliable = false
  /// Steps of the rise and of the fall where `finish` was called; else they follow from the run's.
  private var finish: (rise: Int, fall: Int)?
  /// Whether the direction is the gradient, so that its length says something.
  private var isLinear = false
  /// Size of the first direction's entries.
  private var unit = 1.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    (searchShare, prior) = (settings["search"], settings["prior"])
    (warmup, decay) = (settings["warmup"], settings["decay"])
    run = Self.steps(settings["steps"])
    self.limits = limits
  }

  /// A run of so many steps or more has no end.
  private static let endless = Int(Int32.max)
  private static func steps(_ value: Double) -> Int { Int(min(value, Double(endless))) }
  private var isEndless: Bool { run == Self.endless }

  private var rampLength: Int { min(Self.longest, Int((searchShare * Double(run)).rounded())) }
  private var isLongEnough: Bool {
    searchShare > 0 && Double(run) * max(searchShare, 0.1) >= Double(Self.shortest)
  }
  public var isSearching: Bool { run > 0 && found.isNaN && isLongEnough }

  public mutating func begin(run steps: Int) {
    finish = nil
    // a search that was interrupted goes on, and a run that was begins anew
    if found.isNaN {
      run = taken + steps
    } else {
      (run, taken, searched) = (steps, 0, 0)
    }
  }

  public func check(loss: Double) throws {
    guard run > 0 else {
      throw Failure.value(
        "Auto: the number of steps of the run is not known: use fit, which knows it, or pass steps=, as in Auto(steps=1000), or steps=math.inf for one that finish(steps) ends"
      )
    }
    guard taken < run else {
      throw Failure.value(
        "Auto: the \(run) steps of the run are taken, and the rate is 0: pass more steps, or make a new optimizer; fit "
          + "begins a new run by itself")
    }
  }

  public mutating func decide(_ step: StepView) -> Decision {
    if isSearching { return search(step) }
    if found.isNaN { found = scaled(prior) }
    let share = TrapezoidSchedule.share(
      taken - searched, of: run - searched, warmup: plan.warmup, decay: plan.decay)
    if !isEndless || taken < run - 1 { taken += 1 }
    return .take(limits.clamp(found * share))
  }

  /// Steps of a share; what a frozen schedule is given.
  private func count(_ share: Double, of steps: Int) -> Int {
    share == 0 ? 0 : max(1, Int((share * Double(steps)).rounded()))
  }

  /// Steps of the rise and of the fall, of those after the search.
  public var plan: (warmup: Int, decay: Int) {
    if let finish { return (finish.rise, finish.fall) }
    let steps = run - searched
    return isEndless
      ? (count(warmup, of: Int(Self.usual)), 0) : (count(warmup, of: steps), count(decay, of: steps))
  }

  public mutating func finish(in steps: Int) throws {
    guard !found.isNaN else {
      throw Failure.value(
        "finish: the search is not over, so that there is no rate yet; call it after the search")
    }
    guard taken < run else {
      throw Failure.value("finish: the \(run) steps of the run are taken, and the rate is 0")
    }
    let (rise, decay) = plan
    let share = decay > 0 ? min(1, Double(run - taken) / Double(decay)) : 1
    // from where it stands, should it fall already
    finish = (rise, max(steps, Int((Double(steps) / share).rounded())))
    run = taken + steps
  }

  private mutating func search(_ step: StepView) -> Decision {
    if ramp == nil {
      isLinear = abs(step.slope - step.gradientNorm2) <= 1e-3 * step.gradientNorm2
      let scale = Self.lowering * abs(step.loss) / step.slope
      let start = isLinear && scale.isFinite && scale > 0 ? scale : Self.first
      ramp = RateRamp(start: start, length: max(Self.shortest, rampLength))
    }
    (taken, searched) = (taken + 1, searched + 1)
    if let before = step.previous, searched == 2, step.entries > 0 {
      let size = (before.directionNorm2 / step.entries).squareRoot()
      if size.isFinite, size > 0 { unit = size }
    }
    let dot = step.previous?.decayedDirectionDot ?? .nan
    if ramp!.observe(loss: step.loss, cosine: dot / abs(step.slope)) {
      return .take(limits.clamp(ramp!.rate))
    }
    conclude()
    return .putBack
  }

  public mutating func giveUp() {
    (taken, searched) = (taken + 1, searched + 1)
    conclude()
  }

  private mutating func conclude() {
    guard let done = ramp else {
      // not even the first loss was finite, so that there is nothing to begin with
      found = scaled(prior)
      return
    }
    if done.beganTooHigh, !retreated, searched + done.length < run {
      retreated = true
      ramp = RateRamp(start: done.start * Self.retreat, length: done.length)
    } else {
      isReliable = done.isTelling
      found = scaled(isReliable ? (isLinear ? Self.shareOfGradient : Self.share) * done.result : prior)
      ramp = nil
    }
  }

  private func scaled(_ rate: Double) -> Double {
    let rate = rate * max(1, pow(Self.usual / Double(run), Self.exponent))
    return isLinear ? rate : min(Self.cap / unit, rate)
  }

  // MARK: - State

  public var state: [(name: String, value: Double)] {
    let own: [(name: String, value: Double)] = [
      ("run", Double(run)), ("taken", Double(taken)), ("searched", Double(searched)), ("found", found),
      ("retreated", retreated ? 1 : 0), ("reliable", isReliable ? 1 : 0), ("linear", isLinear ? 1 : 0),
      ("unit", unit), ("rise", finish.map { Double($0.rise) } ?? .nan),
      ("fall", finish.map { Double($0.fall) } ?? .nan),
    ]
    let none = (RateRamp.names + RateRamp.lossNames).map { (name: $0, value: Double.nan) }
    return own + (ramp?.state ?? none).map { ("ramp_" + $0.name, $0.value) }
  }

  public mutating func restore(_ state: [String: Double]) {
    func whole(_ name: String, _ fallback: Int) -> Int {
      guard let value = state[name], value >= 0, value < 1e15 else { return fallback }
      return Int(value)
    }
    (run, taken, searched) = (whole("run", run), whole("taken", taken), whole("searched", searched))
    found = state["found"] ?? found
    (retreated, isReliable) = ((state["retreated"] ?? 0) != 0, (state["reliable"] ?? 0) != 0)
    isLinear = (state["linear"] ?? 0) != 0
    unit = state["unit"] ?? unit
    finish = (state["fall"] ?? .nan).isNaN ? nil : (whole("rise", 0), whole("fall", 0))
    let ofRamp = state.filter { $0.key.hasPrefix("ramp_") }.map { (String($0.key.dropFirst(5)), $0.value) }
    ramp = RateRamp(Dictionary(uniqueKeysWithValues: ofRamp))
  }
}
