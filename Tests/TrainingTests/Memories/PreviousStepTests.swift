import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class PreviousStepTests: XCTestCase {
  /// s = theta - theta', y = g - g': s's / s'y where that is positive.
  func testBarzilaiBorweinSeesTheStepBefore() throws {
    let problem = Quadratic()
    var last = 0.01
    let wanted = plain(problem, steps: 10) { g, _, before in
      guard let before else { return last }
      let s = before.d.map { -before.rate * $0 }
      let y = zip(g, before.g).map(-)
      if dot(s, y) > 0 { last = dot(s, s) / dot(s, y) }
      return last
    }
    try expectRates("barzilai_borwein", [:], wanted, problem)
  }

  /// The hypergradient is -<g + decay theta, d'>.
  func testHypergradientDescentSeesTheStepBefore() throws {
    let problem = Quadratic()
    var last = 0.01
    let wanted = plain(problem, steps: 10) { g, x, before in
      if let before { last += 1e-3 * dot(zip(g, x).map { $0 + 0.1 * $1 }, before.d) }
      return last
    }
    try expectRates("hd", ["meta_lr": 1e-3], wanted, problem)
  }
}
