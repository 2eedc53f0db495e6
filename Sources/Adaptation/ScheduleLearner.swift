import Vocabulary

/// Moves the hyperparameters of a schedule by their hypergradients: the outer loop of FDS (Micaelli and Storkey,
/// "Gradient-based hyperparameter optimization over long horizons", arXiv 2007.07869, Algorithm 1 and section 4.4).
///
/// lambda holds the learning rates, then the momenta, then the weight decays, N in all; after each outer step come S
/// validation losses and S x N hypergradients, one row for each seed. h is their mean over seeds.
///
///   gradient  lambda <- lambda - step h / window           what Algorithm 1 prints: the step on the window's average
///   sign      lambda <- lambda - step sign(h)              step <- decay step, entry by entry, when its sign flips
///   gated     the sign step where the seeds agree, a retreat where the hypergradients have lost their meaning
///
/// The gated step is ours. Past the edge of stability a hypergradient is the product of hundreds of expanding maps: its
/// size says nothing and its sign is noise. What tells does not depend on the units of the loss or of a rate:
///   - an entry moves only if its mean over seeds exceeds the standard error of that mean (with two seeds: if their
///     signs agree);
///   - |h_k lambda_k| over the loss at stake is the change of the loss, as a share of it, for a change of the rate by its
///     own size. When it is beyond `sensitivity`, rates are traded for momentum instead: alpha and 1 - beta, and the
///     steps of both, are multiplied by `trade`. The effective rate alpha / (1 - beta) stays, and with it what was
///     learned, but averaged gradients tolerate it better. All rates trade: the one that expands is rarely the one
///     whose hypergradient shows it, which is that of any window before. A momentum whose average would reach over
///     more than the share `memory` of the run takes no more, and the rates are then cut;
///   - before a trade the rates of the windows beyond `sensitivity`, and of those before, go halfway up to the largest
///     that follows. Large rates at the start lead to flat regions, where later ones hold (Lewkowycz et al., "The
///     large learning rate phase of deep learning", arXiv 2003.02218); a start that is too gentle ends in sharp ones;
///   - when more than `relapse` of what was won is lost, the values go halfway back to the best, and so do the steps;
///   - a rate above zero loses at most half of itself in a step: at zero its window would be lost;
///   - an entry's step grows by `growth` when its sign stays, up to the first step in the unit that trades have left.
public struct ScheduleLearner {
  public enum Update: String, CaseIterable {
    case gated, sign, gradient
  }

  public static let card = Card(
    "schedule_learner", title: "ScheduleLearner", paper: "FDS", cost: "",
    arguments: [
      .init("step_decay", 0.5, .above(0, to: 1), "factor of an entry's step when its sign flips"),
      .init("tolerance", 0.05, .notNegative, "converged once every step is below this share of its value"),
      .init("sensitivity", 10, .positiveOrInfinite, "gated: relative change of the loss per that of a rate"),
      .init("relapse", 0.15, .positiveOrInfinite, "gated: share of the progress that may be lost"),
      .init("trade", 0.6, .between(0, 1), "gated: factor of a rate that is traded for momentum"),
      .init("memory", 0.04, .above(0, to: 1), "gated: share of the run that a traded momentum averages over"),
      .init("growth", 1.2, .oneOrMore, "gated: factor of an entry's step when its sign stays"),
      .init("max_momentum", 0.97, .positiveOrInfinite, "gated: no momentum goes beyond it"),
    ])

  private let update: Update
  private let settings: Settings
  /// How many entries are rates, momenta, decays.
  private let counts: [Int]
  private let windows: [Double]
  /// How many windows a layer's rates have.
  private let perLayer: Int
  private let firstSteps: [Double]

  public private(set) var values: [Double]
  public private(set) var steps: [Double]
  private var lastSigns: [Double]
  public private(set) var bestValues: [Double]
  public private(set) var bestLoss = Double.infinity
  private var firstLoss = Double.nan
  /// What trades have left of 1 - beta, and so of the unit that rates are measured in.
  private var unit = 1.0
  public private(set) var observed = 0
  public private(set) var isConverged = false
  public private(set) var retreated = false
  /// |mean| over the standard error of the mean, entry by entry: 0 where nothing is known.
  public private(set) var signals: [Double]
  /// |h_k lambda_k| (of a momentum |h_k (1 - lambda_k)|) over the loss at stake, entry by entry.
  public private(set) var sensitivities: [Double]

  /// Attributes beyond the card: update (a text), counts [3], initial [N], step_size [N], windows [N]; layers (1): of
  /// so many the rates are, one after another.
  public init(_ attributes: Attributes) throws {
    let lists = ["update", "counts", "initial", "step_size", "windows", "layers"]
    try attributes.allow(lists + Self.card.arguments.map(\.name))
    let given = attributes.values.filter { !lists.contains($0.key) }
    settings = try Self.card.read(Attributes(attributes.owner, given))
    let name = try attributes.text("update", default: Update.gated.rawValue)
    guard let update = Update(rawValue: name) else {
      let known = Update.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure.value("\(attributes.owner): update: got '\(name)'; allowed: \(known)")
    }
    self.update = update
    counts = try attributes.integers("counts") ?? []
    guard counts.count == 3, counts.allSatisfy({ $0 >= 0 }), counts[0] > 0 else {
      throw Failure.value(
        "\(attributes.owner): counts: got \(counts); allowed: numbers of rates (at least 1), momenta, decays")
    }
    let number = try attributes.number("layers", default: 1)
    guard let layers = wholeNumber(number), layers > 0, counts[0] % layers == 0 else {
      throw Failure.value(
        "\(attributes.owner): layers: got \(number); allowed: a divisor of the number of rates, \(counts[0])")
    }
    perLayer = counts[0] / layers
    let total = counts.reduce(0, +)
    func list(_ key: String, _ allowed: String, _ holds: (Double) -> Bool) throws -> [Double] {
      let numbers = try attributes.numbers(key)
      guard numbers.count == total else {
        throw Failure.value("\(attributes.owner): \(key): got \(numbers.count) numbers; allowed: \(total)")
      }
      for (k, number) in numbers.enumerated() where !holds(number) {
        throw Failure.value("\(attributes.owner): \(key)[\(k)]: got \(number); allowed: \(allowed)")
      }
      return numbers
    }
    values = try list("initial", "finite numbers") { $0.isFinite }
    firstSteps = try list("step_size", "positive numbers") { $0 > 0 && $0.isFinite }
    steps = firstSteps
    windows = try list("windows", "at least 1") { $0 >= 1 && $0.isFinite }
    bestValues = values
    lastSigns = [Double](repeating: 0, count: total)
    signals = lastSigns
    sensitivities = lastSigns
  }

  /// Learns from one outer step with the present values; `hypergradients` is [losses.count, N], row by row. Losses of
  /// runs that were shorter, not `whole`, are compared with none.
  public mutating func observe(losses: [Double], hypergradients: [Double], whole: Bool = true) throws {
    guard !losses.isEmpty, hypergradients.count == losses.count * values.count else {
      throw Failure.shape(
        "observe: \(hypergradients.count) hypergradients for \(losses.count) losses; "
          + "allowed: \(values.count) for each loss, and at least one loss")
    }
    observed += 1
    let loss = losses.reduce(0, +) / Double(losses.count)
    if whole && !firstLoss.isFinite { firstLoss = loss }
    if whole && loss < bestLoss { (bestLoss, bestValues) = (loss, values) }
    let stake = whole ? max(abs(bestLoss), firstLoss - bestLoss) : abs(loss)
    let means = gauge(losses.count, hypergradients, stake: stake)
    retreated = false
    switch update {
    case .gradient:
      for k in values.indices { values[k] -= steps[k] * finite(means[k] / windows[k]) }
    case .sign:
      signStep(means.map(sign))
    case .gated:
      let signs = zip(means, signals).map { $1 > 1 ? sign($0) : 0 }
      let lost =
        whole && bestLoss < firstLoss && loss - bestLoss > settings["relapse"] * (firstLoss - bestLoss)
      let isFinite = loss.isFinite && hypergradients.allSatisfy(\.isFinite)
      let isSmooth = sensitivities[..<counts[0]].allSatisfy { $0 <= settings["sensitivity"] }
      if lost || (bestLoss.isFinite && !loss.isFinite) {
        goBack()
      } else if isFinite && isSmooth {
        gatedStep(signs)
      } else {
        if isFinite { level() }
        trade()
      }
      for k in momenta { values[k] = min(values[k], settings["max_momentum"]) }
    }
    isConverged = hasConverged
  }

  private var momenta: Range<Int> { counts[0]..<counts[0] + counts[1] }

  /// Means over seeds; sets `signals` and `sensitivities`.
  private mutating func gauge(_ seeds: Int, _ rows: [Double], stake: Double) -> [Double] {
    let (width, count) = (values.count, Double(seeds))
    return values.indices.map { k in
      let column = (0..<seeds).map { rows[$0 * width + k] }
      let mean = column.reduce(0, +) / count
      let variance = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      // the standard error of the mean; one seed says nothing against itself
      let error = seeds > 1 ? (variance / (count - 1)).squareRoot() : 0
      signals[k] = finite(abs(mean) / error, orElse: mean != 0 && error == 0 ? .infinity : 0)
      // a momentum acts through 1 - beta
      let own = momenta.contains(k) ? 1 - values[k] : values[k]
      sensitivities[k] = stake > 0 ? abs(mean * own) / stake : 0
      return mean
    }
  }

  private mutating func signStep(_ signs: [Double]) {
    for k in values.indices {
      if signs[k] * lastSigns[k] < 0 { steps[k] *= settings["step_decay"] }
      lastSigns[k] = signs[k]
      values[k] -= steps[k] * signs[k]
    }
  }

  private mutating func gatedStep(_ signs: [Double]) {
    for k in values.indices where signs[k] != 0 {
      let turn = signs[k] * lastSigns[k]
      if turn < 0 { steps[k] *= settings["step_decay"] }
      if turn > 0 {
        let limit = firstSteps[k] * (k < momenta.upperBound ? unit : 1)
        steps[k] = max(steps[k], min(settings["growth"] * steps[k], limit))
      }
      lastSigns[k] = signs[k]
      let least = k < counts[0] && values[k] > 0 ? values[k] / 2 : -.infinity
      values[k] = max(values[k] - steps[k] * signs[k], least)
    }
  }

  private mutating func goBack() {
    for k in values.indices {
      values[k] = (values[k] + bestValues[k]) / 2
      steps[k] /= 2
    }
    retreated = true
  }

  /// Raises the rates up to the last window that is beyond `sensitivity`.
  private mutating func level() {
    for first in stride(from: 0, to: counts[0], by: perLayer) {
      let row = first..<first + perLayer
      guard let last = row.last(where: { sensitivities[$0] > settings["sensitivity"] }) else { continue }
      var top = -Double.infinity
      for k in row.reversed() {
        top = max(top, values[k])
        if k <= last { values[k] = (values[k] + top) / 2 }
      }
    }
  }

  private mutating func trade() {
    let factor = settings["trade"]
    let most = 1 - 1 / (settings["memory"] * windows[..<perLayer].reduce(0, +))
    for k in 0..<counts[0] { values[k] *= factor }
    for k in 0..<momenta.upperBound { steps[k] *= factor }
    var left = momenta.isEmpty ? 1 : factor
    for k in momenta {
      let before = 1 - values[k]
      values[k] = min(1 - before * factor, max(values[k], most))
      if before > 0 { left = max(left, (1 - values[k]) / before) }
    }
    unit *= left
    retreated = true
  }

  /// gamma / |lambda| of the paper's code, which forgets the absolute value; the printed step has no gamma that shrinks.
  private var hasConverged: Bool {
    update != .gradient && values.indices.allSatisfy { steps[$0] < settings["tolerance"] * abs(values[$0]) }
  }

  /// Everything that `observe` changes and does not compute anew.
  public var state: [Double] {
    values + steps + lastSigns + bestValues + [
      bestLoss, firstLoss, Double(observed), isConverged ? 1 : 0, unit,
    ]
  }

  public mutating func load(_ state: [Double]) throws {
    let count = values.count
    guard state.count == 4 * count + 5 else {
      throw Failure.value(
        "state: got \(state.count) numbers; allowed: \(4 * count + 5), as `state` gives them")
    }
    func part(_ i: Int) -> [Double] { Array(state[i * count..<(i + 1) * count]) }
    guard (part(0) + part(1) + state[(4 * count + 4)...]).allSatisfy(\.isFinite),
      let observed = wholeNumber(state[4 * count + 2])
    else {
      throw Failure.value("state: not one that `state` gave: values, steps and counts are finite")
    }
    (values, steps, lastSigns, bestValues) = (part(0), part(1), part(2), part(3))
    (bestLoss, firstLoss) = (state[4 * count], state[4 * count + 1])
    self.observed = observed
    isConverged = state[4 * count + 3] != 0
    unit = state[4 * count + 4]
  }
}

/// Nothing is learned from a number that is none.
private func sign(_ x: Double) -> Double { x > 0 ? 1 : x < 0 ? -1 : 0 }

private func finite(_ x: Double, orElse other: Double = 0) -> Double { x.isFinite ? x : other }
