import Kernels
import XCTest

@testable import Optimization

/// The rules on duals: the derivative of a whole short training run by one of its constants, against central
/// differences of the run on plain numbers.
final class DualRuleTests: XCTestCase {
  private enum Constant: CaseIterable {
    case decay, decoupledDecay, momentum, beta1, beta2, epsilon, rate

    func set<L: Lane>(_ h: inout Hyper<L>, _ rate: inout L, to value: L) {
      switch self {
      case .decay: h.decay = value
      case .decoupledDecay: h.decoupledDecay = value
      case .momentum: h.momentum = value
      case .beta1: h.beta1 = value
      case .beta2: h.beta2 = value
      case .epsilon: h.epsilon = value
      case .rate: rate = value
      }
    }
  }

  private func values() -> HyperValues {
    var h = HyperValues()
    (h.decay, h.decoupledDecay, h.momentum) = (0.02, 0.03, 0.7)
    (h.beta1, h.beta2, h.epsilon) = (0.8, 0.95, 0.01)
    return h
  }

  /// Twelve steps on f = x^4 / 4 + x^2, whose gradient is x^3 + 2x.
  private func run<R: UpdateRule, L: Lane>(_: R.Type, _ constant: Constant, _ value: L) -> L {
    var (x, s0, s1, rate) = (L(0.9), L(0), L(0), L(0.05))
    var h = Hyper<L>(values())
    constant.set(&h, &rate, to: value)
    for _ in 0..<12 {
      let g = x * x * x + x + x
      x = x - rate * wholeDirection(R.self, g, x, &s0, &s1, h).d
    }
    return x
  }

  private func check<R: UpdateRule>(_ rule: R.Type) {
    let h = values()
    for constant in Constant.allCases {
      let at =
        switch constant {
        case .decay: h.decay
        case .decoupledDecay: h.decoupledDecay
        case .momentum: h.momentum
        case .beta1: h.beta1
        case .beta2: h.beta2
        case .epsilon: h.epsilon
        case .rate: 0.05
        }
      let exact = run(rule, constant, Dual(at, tangent: 1.0))
      XCTAssertEqual(exact.value, run(rule, constant, at), accuracy: 1e-14, "\(rule) \(constant)")
      let step = 1e-6
      let difference = (run(rule, constant, at + step) - run(rule, constant, at - step)) / (2 * step)
      XCTAssertEqual(
        exact.tangent, difference, accuracy: 1e-7 * max(1, abs(difference)), "\(rule) \(constant)")
    }
  }

  func testEveryRule() throws {
    for rule in try everyRule() { check(rule) }
  }
}
