import Kernels
import XCTest

@testable import Optimization

/// Rules over lanes of this file's own: a number, and a number with a derivative.
final class UpdateRuleTests: XCTestCase {
  private struct Number: Lane {
    let x: Double
    init(_ constant: Double) { x = constant }
    static func + (a: Number, b: Number) -> Number { Number(a.x + b.x) }
    static func - (a: Number, b: Number) -> Number { Number(a.x - b.x) }
    static func * (a: Number, b: Number) -> Number { Number(a.x * b.x) }
    static func / (a: Number, b: Number) -> Number { Number(a.x / b.x) }
    func squareRoot() -> Number { Number(x.squareRoot()) }
    static func select(_ a: Number, greaterThan b: Number, _ x: Number, _ y: Number) -> Number {
      a.x > b.x ? x : y
    }
  }

  private struct Slope: Lane {
    let x, dx: Double
    init(_ constant: Double) { self.init(constant, 0) }
    init(_ x: Double, _ dx: Double) { (self.x, self.dx) = (x, dx) }
    static func + (a: Slope, b: Slope) -> Slope { Slope(a.x + b.x, a.dx + b.dx) }
    static func - (a: Slope, b: Slope) -> Slope { Slope(a.x - b.x, a.dx - b.dx) }
    static func * (a: Slope, b: Slope) -> Slope { Slope(a.x * b.x, a.dx * b.x + a.x * b.dx) }
    static func / (a: Slope, b: Slope) -> Slope { Slope(a.x / b.x, (a.dx - a.x / b.x * b.dx) / b.x) }
    func squareRoot() -> Slope { Slope(x.squareRoot(), dx / (2 * x.squareRoot())) }
    static func select(_ a: Slope, greaterThan b: Slope, _ x: Slope, _ y: Slope) -> Slope {
      a.x > b.x ? x : y
    }
  }

  private static let values: HyperValues = {
    var h = HyperValues()
    (h.decay, h.decoupledDecay) = (0.1, 0.2)
    (h.momentum, h.gain, h.beta1, h.beta2, h.epsilon) = (0.8, 0.9, 0.85, 0.95, 0.05)
    (h.correction1, h.correction2, h.smoothing) = (1.5, 2.5, 0.4)
    return h
  }()

  /// d after three steps, state carried along, theta moved by it.
  private func episode<R: UpdateRule, L: Lane>(_: R.Type, _ h: Hyper<L>, _ g: L) -> [L] {
    var (theta, s0, s1) = (L(0.6), L(0.2), L(0.3))
    var smoothed = L(0)
    for factor in [1.0, -0.5, 2] {
      let step = wholeDirection(R.self, L(factor) * g, theta, &s0, &s1, h)
      theta = theta - L(0.1) * step.d
      smoothed = step.smoothed
    }
    return [theta, s0, s1, smoothed]
  }

  private func check<R: UpdateRule>(_ rule: R.Type) {
    let scalarKeys: [(WritableKeyPath<Hyper<Slope>, Slope>, WritableKeyPath<Hyper<Number>, Number>)] = [
      (\.decay, \.decay), (\.decoupledDecay, \.decoupledDecay),
      (\.momentum, \.momentum), (\.gain, \.gain), (\.beta1, \.beta1), (\.beta2, \.beta2),
      (\.epsilon, \.epsilon), (\.correction1, \.correction1), (\.correction2, \.correction2),
      (\.smoothing, \.smoothing),
    ]
    let step = 1e-6
    for (slopeKey, numberKey) in scalarKeys {
      var dual = Hyper<Slope>(Self.values)
      dual[keyPath: slopeKey] = Slope(dual[keyPath: slopeKey].x, 1)
      let exact = episode(rule, dual, Slope(0.4))
      func shifted(_ by: Double) -> [Double] {
        var h = Hyper<Number>(Self.values)
        h[keyPath: numberKey] = Number(h[keyPath: numberKey].x + by)
        return episode(rule, h, Number(0.4)).map(\.x)
      }
      let plain = shifted(0)
      let difference = zip(shifted(step), shifted(-step)).map { ($0 - $1) / (2 * step) }
      for i in exact.indices {
        XCTAssertEqual(exact[i].x, plain[i], accuracy: 1e-14, "\(R.self)")
        XCTAssertEqual(exact[i].dx, difference[i], accuracy: 1e-7, "\(R.self) \(numberKey)")
      }
    }
    let dual = Hyper<Slope>(Self.values)
    let exact = episode(rule, dual, Slope(0.4, 1)).map(\.dx)
    func at(_ g: Double) -> [Double] { episode(rule, Hyper<Number>(Self.values), Number(g)).map(\.x) }
    let difference = zip(at(0.4 + step), at(0.4 - step)).map { ($0 - $1) / (2 * step) }
    for (a, b) in zip(exact, difference) { XCTAssertEqual(a, b, accuracy: 1e-7, "\(R.self) in g") }
  }

  /// One text serves numbers and duals: the derivative by every constant, over a short episode.
  func testRulesCarryDerivatives() throws {
    for rule in try everyRule() { check(rule) }
  }

  /// Coupled decay goes through the rule, decoupled decay past it.
  func testWhereDecayEnters() {
    func d(decay: Double, decoupled: Double) -> Double {
      var h = HyperValues()
      (h.decay, h.decoupledDecay, h.momentum) = (decay, decoupled, 0.5)
      var (s0, s1) = (Number(4), Number(0))
      return wholeDirection(NesterovRule.self, Number(3), Number(2), &s0, &s1, Hyper(h)).d.x
    }
    XCTAssertEqual(d(decay: 0, decoupled: 0), 3 + 0.5 * (0.5 * 4 + 3))
    XCTAssertEqual(d(decay: 0.25, decoupled: 0), 3.5 + 0.5 * (0.5 * 4 + 3.5))
    XCTAssertEqual(d(decay: 0, decoupled: 0.25), 3 + 0.5 * (0.5 * 4 + 3) + 0.5)
  }

  func testDefaultsChangeNothing() {
    var (s0, s1) = (Number(0), Number(0))
    let step = wholeDirection(GradientRule.self, Number(-7), Number(2), &s0, &s1, Hyper(HyperValues()))
    XCTAssertEqual([step.d.x, step.smoothed.x], [-7, -7])
  }
}
