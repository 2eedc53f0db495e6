#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Finds a rate by one short training run in which the rate grows by the same factor at every step, from far too low until it
/// is too high.
///
/// The derivative of the loss by the rate of the step before is -<g, d'>, with the gradient g after that step and its
/// direction d': while a longer step would have been better <g, d'> is positive (ALRS's sign). Beside <g, d> it is a cosine
/// of sorts: 1 where the loss is as good as a line, 0 at the bottom along d', negative beyond. Their sum is largest where
/// they change sign, whatever their noise: that rate is the `turn`. Where the derivative turns for a while and the loss
/// goes on falling, the rate at which the loss was least is the better witness; it lies higher, so a share of it counts.
public struct RateRamp {
  /// The ramp's rates span so many powers of ten.
  static let decades = 4.0
  /// It ends where the sum of cosines lies below its maximum by so much, and the loss has had no new minimum for some steps.
  static let fall = 2.5
  /// No run is judged sooner after a new minimum of the loss.
  static let patience = 6
  /// Of the sum of cosines, at least: noise alone reaches about half, and the weakest sum on workloads was 2.6.
  private static let agreement = 1.0
  /// Losses whose mean is compared.
  private static let smoothing = 3
  /// Of the rate at which the loss was least.
  private static let share = 1.0 / 3

  public let length: Int
  public let start: Double
  private let growth: Double
  private var count = 0
  private var first = Double.nan
  private var recent: [Double] = []
  private var sum = 0.0, highest = 0.0, turn: Double
  private var least = Double.infinity, leastAt = 0

  public init(start: Double, length: Int) {
    self.start = start
    self.length = max(2, length)
    growth = pow(10, Self.decades / Double(self.length - 1))
    turn = start
  }

  /// The rate of the step that follows the last loss taken.
  public var rate: Double { start * pow(growth, Double(count - 1)) }
  /// Whether steps agreed with the gradients after them by more than chance, at any rate; else the result is noise.
  public var isTelling: Bool { highest >= Self.agreement }
  /// Whether the rate turned out too high before the ramp had begun to rise.
  public var beganTooHigh: Bool { result < start * growth * growth }
  public var result: Double {
    let lowest = start * pow(growth, Double(max(0, leastAt - Self.smoothing + 1)))
    return max(turn, Self.share * lowest)
  }

  /// Takes the loss before a step, with <g, d'> / <g, d>, NaN at the first one; false where the ramp ends, and there is no
  /// such step.
  public mutating func observe(loss: Double, cosine: Double) -> Bool {
    guard loss.isFinite else { return false }
    if count == 0 { first = loss } else { judge(cosine) }
    recent.append(loss)
    if recent.count > Self.smoothing { recent.removeFirst() }
    let mean = recent.reduce(0, +) / Double(recent.count)
    if mean < least { (least, leastAt) = (mean, count) }
    let turned = sum < highest - Self.fall && count - leastAt >= max(Self.patience, length / 4)
    if turned || loss > first + 2 * abs(first) || count + 1 >= length { return false }
    count += 1
    return true
  }

  private mutating func judge(_ cosine: Double) {
    sum += cosine.isNaN ? -1 : min(1, max(-1, cosine))
    if sum >= highest { (highest, turn) = (sum, start * pow(growth, Double(count - 1))) }
  }

  // MARK: - For saving

  static let names = ["start", "length", "count", "first", "sum", "highest", "turn", "least", "least_at"]
  static let lossNames = (0..<smoothing).map { "loss\($0)" }

  /// By name; of losses that there are not, NaN.
  var state: [(name: String, value: Double)] {
    let numbers = [
      start, Double(length), Double(count), first, sum, highest, turn, least, Double(leastAt),
    ]
    let losses = Self.lossNames.indices.map { $0 < recent.count ? recent[$0] : .nan }
    return Array(zip(Self.names, numbers)) + Array(zip(Self.lossNames, losses))
  }

  init?(_ state: [String: Double]) {
    guard let start = state["start"], let length = state["length"], length >= 2, length < 1e6, start > 0
    else {
      return nil
    }
    self.init(start: start, length: Int(length))
    (first, sum, highest) = (state["first"] ?? .nan, state["sum"] ?? 0, state["highest"] ?? 0)
    (turn, least) = (state["turn"] ?? start, state["least"] ?? .infinity)
    (count, leastAt) = (Self.whole(state["count"]), Self.whole(state["least_at"]))
    recent = Self.lossNames.compactMap { state[$0] }.filter { !$0.isNaN }
  }

  private static func whole(_ value: Double?) -> Int {
    guard let value, value >= 0, value < 1e6 else { return 0 }
    return Int(value)
  }
}
