import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// YellowFin (Zhang and Mitliagkas 2017): rate and momentum of heavy ball from the range of curvatures, measured by the
/// squared norms n^2 of the last gradients, from the gradient's variance C and from the distance D to the minimum.
/// With averages of memory beta, corrected by b = 1 - beta^(t + 1), t from 0, and epsilon 1e-6:
///
///     h_min, h_max = exp of the averages of log(min, max of the window + epsilon)
///     C = max(epsilon, <n^2> / b - |<g>|^2 / b^2);  D = average of <n> / (<n^2> + epsilon)
///     p = (D + epsilon)^2 (h_min + epsilon)^2 / (2 (C + epsilon));  x = 1 + y, y^3 + p y + p = 0
///     momentum = max(x^2, ((sqrt(q) - 1) / (sqrt(q) + 1))^2),  q = (h_max + epsilon) / (h_min + epsilon)
///     rate = (1 - sqrt(momentum))^2 / (h_min + epsilon), times (t + 1) / slow_start at first
///
/// As in the authors' code these are used as they are, where the paper averages them once more; statistics see the
/// gradient without decay. `protect` adds the code's limits: gradients beyond 10 sqrt(h_max) (from the third step) or,
/// after the statistics, beyond sqrt(h_max) are scaled down, and so is a rate that would move by more than 100.
/// Deviation: where rounding makes the cubic's root leave [0, 1] or no number it is taken at the nearer end.
public struct YellowFin: WholeMachine {
  public static let card = Card(
    "yellowfin", title: "YellowFin",
    about: """
      Heavy ball whose rate and momentum follow the curvatures seen in the gradients' norms.

      SGD's own momentum must be 0, as the method sets it. `clip_norm` is the plain alternative to `protect`.
      """,
    paper: "Zhang and Mitliagkas 2017, YellowFin and the art of momentum tuning, arXiv 1706.03471",
    cost: "two passes; two vectors, one of them the momentum",
    arguments: [
      .init("initial", 1e-4, .positive, "the rate of the first step"),
      .init("beta", 0.999, .from(0, below: 1), "memory of the averages"),
      .init("window", 20, .whole(1, 10_000), "gradients in the range of curvatures"),
      .init("slow_start", 200, .count, "steps over which the rate grows to its own"),
      .init("protect", 0, .flag, "limit gradients and moves as the authors' code does"),
    ])
  public static let directions = ["sgd"]

  private static let epsilon = 1e-6
  private static let widestMove = 100.0

  private let beta, slowStart: Double
  private let length: Int
  private let protects: Bool
  private let limits: RateLimits
  private var steps = 0.0
  /// Squared norms of the last gradients, the newest last.
  private var window: [Double] = []
  private var lowLog = 0.0, highLog = 0.0, norm2Average = 0.0, normAverage = 0.0, distanceAverage = 0.0
  private var low = 0.0, high = 0.0
  private var momentum = 0.0
  private var current: Double
  /// Factors of the gradient in the statistics and in the step.
  private var kept = 1.0, limited = 1.0
  private var taken = 0.0

  public init(_ settings: Settings, limits: RateLimits) throws {
    current = settings["initial"]
    beta = settings["beta"]
    length = Int(settings["window"])
    slowStart = settings["slow_start"]
    protects = settings["protect"] != 0
    self.limits = limits
  }

  public var rate: Double { limits.clamp(current) }

  public mutating func prepare(_ step: StepView) -> PassScalars? {
    let norm = step.gradientNorm2.squareRoot()
    (kept, limited) = (1, 1)
    if protects && steps > 1 { kept = YellowFin.shrink(norm, to: (100 * high).squareRoot()) }
    if protects && steps > 0 && kept * kept * step.gradientNorm2 >= high {
      limited = YellowFin.shrink(kept * norm, to: high.squareRoot())
    }
    var pass = PassScalars()
    pass.memory = beta
    pass.weight = (1 - beta) * kept
    return pass
  }

  /// The factor that brings a norm down to a limit, as PyTorch's clip_grad_norm_ does.
  private static func shrink(_ norm: Double, to limit: Double) -> Double {
    min(1, (limit + epsilon) / (norm + 1e-6))
  }

  public mutating func decide(_ step: StepView) -> Decision {
    let epsilon = YellowFin.epsilon
    let norm2 = kept * kept * step.gradientNorm2
    window.append(norm2)
    if window.count > length { window.removeFirst() }
    let correction = 1 - power(beta, steps + 1)
    func average(_ old: Double, _ new: Double) -> Double { beta * old + (1 - beta) * new }
    lowLog = average(lowLog, log(window.min()! + epsilon))
    highLog = average(highLog, log(window.max()! + epsilon))
    (low, high) = (exp(lowLog / correction), exp(highLog / correction))
    norm2Average = average(norm2Average, norm2)
    let variance = max(epsilon, norm2Average / correction - step.sums.first / (correction * correction))
    normAverage = average(normAverage, norm2.squareRoot())
    distanceAverage = average(distanceAverage, normAverage / (norm2Average + epsilon))
    if steps > 0 {
      let (distance, range) = (distanceAverage / correction + epsilon, low + epsilon)
      let root = YellowFin.root(distance * distance * range * range / (2 * (variance + epsilon)))
      let spread = max((high + epsilon) / (low + epsilon), 1 + epsilon).squareRoot()
      let least = (spread - 1) / (spread + 1)
      momentum = max(root * root, least * least)
      let gap = 1 - momentum.squareRoot()
      current = gap * gap / (low + epsilon) * min(1, (steps + 1) / slowStart)
    }
    var used = current
    if protects && used * norm2.squareRoot() >= YellowFin.widestMove {
      used = YellowFin.widestMove / (norm2 + epsilon).squareRoot()
    }
    steps += 1
    taken = bounded(used, limits, step)
    return .take(taken)
  }

  /// x = 1 + y with y^3 + p y + p = 0, by Vieta's substitution.
  static func root(_ p: Double) -> Double {
    let cube = (-(p * p + 4.0 / 27 * p * p * p).squareRoot() - p) / 2
    let w = -power(-cube, 1.0 / 3)
    let x = w - p / (3 * (w + epsilon)) + 1
    guard x.isFinite else { return p < 1 ? 1 : 0 }
    return min(max(x, 0), 1)
  }

  public var second: PassScalars {
    var pass = PassScalars()
    (pass.rate, pass.memory, pass.scale) = (taken, momentum, kept * limited)
    return pass
  }

  private var scalars: [(name: String, path: WritableKeyPath<YellowFin, Double>)] {
    [
      ("steps", \.steps), ("low_log", \.lowLog), ("high_log", \.highLog), ("norm2_average", \.norm2Average),
      ("norm_average", \.normAverage), ("distance_average", \.distanceAverage), ("low", \.low),
      ("high", \.high), ("momentum", \.momentum), ("rate", \.current),
    ]
  }

  /// NaN stands for what the window does not hold yet.
  public var state: [(name: String, value: Double)] {
    scalars.map { ($0.name, self[keyPath: $0.path]) }
      + (0..<length).map { ("window_\($0)", $0 < window.count ? window[$0] : .nan) }
  }
  public mutating func restore(_ state: [String: Double]) {
    for (name, path) in scalars { self[keyPath: path] = state[name] ?? self[keyPath: path] }
    window = (0..<length).compactMap { state["window_\($0)"] }.filter { !$0.isNaN }
  }
}
