import Vocabulary

/// RTHO and MARTHE: descent on the rate along the validation loss's derivative with respect to it, in forward mode.
///
/// Deviations from the authors' code: A, the derivative of a step with respect to the parameters, has the rate in force and
/// the weight decay in it, z begins with the first step, and meta_lr, if `meta_meta_lr` moves it, follows the derivative: the
/// last update has subtracted meta_lr Delta', so that the loss falls with meta_lr as Delta Delta', which is added.
///
/// A Delta that is not finite leaves the rate, and is counted.
public struct MARTHE: OnlineMachine {
  public static let card = Card(
    "marthe", title: "MARTHE",
    about: """
      Descent on the rate along the derivative of a validation loss with respect to it, in forward mode.

          rate <- max(rate - meta_lr Delta, 0),  Delta = <validation gradient after the step, z>

      z, the derivative of the parameters with respect to the rate of all steps so far, is discounted by mu per step: mu 1
      is RTHO, mu 0 hypergradient descent on validation data. meta_lr += meta_meta_lr Delta Delta', with Delta' the one
      before. Drive it by `minimize(closure, valid=...)` or `fit(valid=...)`. One rate for all parameters. A Delta that is
      not finite leaves the rate and is counted ("rate.0.failures" of the state). Without clipping.
      """,
    paper:
      "Donini et al. 2020, MARTHE: Scheduling the learning rate via online hypergradients, arXiv 1910.08525; "
      + "Franceschi et al. 2017, Forward and reverse gradient-based hyperparameter optimization",
    cost: "one Hessian-vector product, one validation forward and backward pass, a vector and "
      + "one more for each of the direction's",
    arguments: [
      .init("initial", 0.01, .notNegative, "the first rate"),
      .init("meta_lr", 1e-8, .notNegative, "the learning rate of the learning rate"),
      .init("mu", 0.99999, .within(0, 1), "discount of the derivatives per step; 1: RTHO"),
      .init("meta_meta_lr", 0, .notNegative, "the learning rate of meta_lr; 0: it stays"),
    ])
  public static let probes = true

  private let limits: RateLimits
  private let metaMeta: Double
  private var rate: Double
  private var meta: Double
  /// NaN before the first.
  private var last = Double.nan
  private var failures = 0.0
  public let discount: Double
  public private(set) var fellBack = false

  public init(_ settings: Settings, limits: RateLimits) throws {
    rate = limits.clamp(settings["initial"])
    meta = settings["meta_lr"]
    discount = settings["mu"]
    metaMeta = settings["meta_meta_lr"]
    self.limits = limits
  }

  public mutating func decide(_ step: StepView) -> Decision {
    fellBack = false
    guard let delta = step.hypergradient else { return .take(rate) }
    let grown = metaMeta > 0 && !last.isNaN ? max(meta + metaMeta * delta * last, 0) : meta
    let changed = rate - grown * delta
    fellBack = !(delta.isFinite && grown.isFinite && changed.isFinite)
    if fellBack {
      failures += 1
    } else {
      rate = limits.clamp(changed)
      (meta, last) = (grown, delta)
    }
    return .take(rate)
  }

  public var state: [(name: String, value: Double)] {
    [("rate", rate), ("meta_lr", meta), ("last_hypergradient", last), ("failures", failures)]
  }
  public mutating func restore(_ state: [String: Double]) {
    rate = state["rate"] ?? rate
    meta = state["meta_lr"] ?? meta
    last = state["last_hypergradient"] ?? last
    failures = state["failures"] ?? failures
  }
}
