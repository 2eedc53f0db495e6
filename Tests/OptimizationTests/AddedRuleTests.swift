import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// The rule that docs/adding-a-rule.md adds: its text is compiled here, and held to its reference and to finite
/// differences as those of the catalogue are.
final class AddedRuleTests: XCTestCase {
  private let references = [
    Reference(name: "adabelief", arguments: ["epsilon": 0.1, "weight_decay": 0.1]) {
      var (m, s, remaining1, remaining2) = (0.0, 0.0, 1.0, 1.0)
      return { _, g, x in
        let g = g + 0.1 * x
        m += 0.1 * (g - m)
        s += 0.001 * ((g - m) * (g - m) - s)
        remaining1 *= 0.9
        remaining2 *= 0.999
        let mean = m / (1 - remaining1)
        return (mean / ((s / (1 - remaining2)).squareRoot() + 0.1), mean)
      }
    }
  ]

  func testAgainstPlainLoops() throws {
    for reference in references {
      let settings = try AdaBelief.card.read(Attributes("AdaBelief", numbers: reference.arguments))
      for n in tailCounts {
        for type in scalarTypes { checkAgainstPlainLoops(type, AdaBelief(settings), reference, n) }
      }
    }
  }

  func testDerivativesOfWholeRuns() throws {
    RunDerivatives(try RunDirection("adabelief", AdaBelief.self, [:])).check()
  }
}

enum AdaBeliefRule: UpdateRule {
  @inline(__always)
  static func direction<L: Lane>(_ g: L, _ s0: inout L, _ s1: inout L, _ h: Hyper<L>) -> (d: L, smoothed: L) {
    s0 = h.beta1 * s0 + h.complement1 * g
    let surprise = g - s0
    s1 = h.beta2 * s1 + h.complement2 * surprise * surprise
    let average = s0 * h.correction1
    return (average / ((s1 * h.correction2).squareRoot() + h.epsilon), average)
  }
}

/// AdaBelief (Zhuang et al. 2020): Adam, with steps scaled by how far gradients lie from their average.
///
/// Deviation: epsilon is added to the root alone, as in `Adam`; the paper adds it to the square in every step, too.
public struct AdaBelief: Direction {
  public static let card = Card(
    "adabelief", title: "AdaBelief", paper: "Zhuang et al. 2020, arXiv 2010.07468", cost: "two vectors",
    arguments: [
      .init("beta1", 0.9, .from(0, below: 1), "memory of the gradient's average", family: .momentum),
      .init("beta2", 0.999, .from(0, below: 1), "memory of the squared distance's", family: .beta2),
      .init("epsilon", 1e-8, .positive, "added to the root of the squared distance", family: .epsilon),
      .init(
        "weight_decay", 0, .notNegative, "coupled weight decay, added to the gradient",
        family: .weightDecay, learned: .finite),
    ])
  public static let usualRate = 1e-3

  public let arguments: Arguments<Double>

  public init(_ settings: Settings) { arguments = Arguments(Self.card, settings) }

  public var slots: [String] { ["average", "square_distance"] }

  public func kernels(_ dtype: DType) -> RuleKernels { .pair(AdaBeliefRule.self, dtype, slots: 2) }

  public func constants<L: Lane>(_ a: Arguments<L>, _ t: Int) -> Hyper<L> {
    var h = Hyper<L>()
    h.decay = a[.weightDecay]
    h.beta1 = a[.momentum]
    h.beta2 = a[.beta2]
    h.epsilon = a[.epsilon]
    h.correction1 = L(1) / (L(1) - power(h.beta1, t))
    h.correction2 = L(1) / (L(1) - power(h.beta2, t))
    h.smoothing = h.correction1
    return h
  }
}
