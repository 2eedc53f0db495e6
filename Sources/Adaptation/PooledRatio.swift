import Vocabulary

/// What the log of a tensor's rate over the rate of all has been like: r = log(rate_i / rate_all), as mean and variance
/// over the recent past (weights 0.9^k, bias-corrected).
public struct PooledRatio {
  private static let memory = 0.9

  public private(set) var mean = 0.0
  /// Weighted sum of squared deviations, sum of the weights and of their squares.
  private var deviations = 0.0, weight = 0.0, weight2 = 0.0

  public init() {}

  public mutating func observe(_ r: Double) {
    weight = Self.memory * weight + 1
    weight2 = Self.memory * Self.memory * weight2 + 1
    let change = r - mean
    mean += change / weight
    deviations = Self.memory * deviations + change * (r - mean)
  }

  /// nil before two observations, when no noise has been measured.
  public var variance: Double? {
    let effective = 1 - weight2 / (weight * weight)
    return weight > 1 ? deviations / weight / effective : nil
  }

  /// Factors on the rate of all: exp(w_i m_i), where w_i = spread / (spread + v_i) is what a normal prior of variance
  /// `spread` makes of a mean m_i with noise v_i, and the spread among tensors is estimated from all of them, as the
  /// mean of max(0, m_i^2 - v_i).
  ///
  /// The noise of m_i is taken as that of a single r: successive ratios of one machine are far from independent.
  public static func factors(_ ratios: [PooledRatio]) -> [Double] {
    let known = ratios.compactMap { ratio in ratio.variance.map { (ratio.mean, $0) } }
    var spread = 0.0
    for (mean, variance) in known { spread += max(0, mean * mean - variance) }
    guard spread > 0 else { return ratios.map { _ in 1 } }
    spread /= Double(known.count)
    return ratios.map { ratio in
      guard let variance = ratio.variance else { return 1 }
      return exponential(spread / (spread + variance) * ratio.mean)
    }
  }

  // MARK: - For saving

  public var state: [(name: String, value: Double)] {
    [
      ("pool_mean", mean), ("pool_deviations", deviations), ("pool_weight", weight),
      ("pool_weight2", weight2),
    ]
  }

  public mutating func restore(_ state: [String: Double]) {
    mean = state["pool_mean"] ?? mean
    deviations = state["pool_deviations"] ?? deviations
    weight = state["pool_weight"] ?? weight
    weight2 = state["pool_weight2"] ?? weight2
  }
}
