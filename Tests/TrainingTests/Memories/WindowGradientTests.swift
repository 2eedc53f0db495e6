import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class WindowGradientTests: XCTestCase {
  /// TLR as its card has it, with d the momentum direction: over a window the accumulated gradient is the way gone,
  /// divided by the rate; a window of one step takes the gradient itself.
  private func plainRates(_ problem: Quadratic, momentum: Double, window: Int, steps: Int) -> [Double] {
    let h = Array(problem.curvatures.joined())
    var x = Array(problem.values.joined())
    var (v, start) = (x.map { _ in 0.0 }, x)
    var (rate, before) = (0.01, [Double]?.none)
    return (0..<steps).map { step in
      let g = zip(h, x).map(*)
      if step % window == 0 {
        let now = window == 1 ? g : zip(start, x).map { ($0 - $1) / rate }
        if window == 1 || step > 0 {
          let inner = before.map { dot($0, now) } ?? 0
          let q = max(4 * (dot(now, now) - inner), inner / 0.25)
          if q != 0 { rate *= 1 + inner / q }
          before = now
        }
        start = x
      }
      v = zip(v, g).map { momentum * $0 + $1 }
      x = zip(x, v).map { $0 - rate * $1 }
      return rate
    }
  }

  func testRatesFollowTheCard() throws {
    for window in [1, 2, 3, 5] {
      for momentum in [0, 0.5] {
        let problem = Quadratic()
        let wanted = plainRates(problem, momentum: momentum, window: window, steps: 20)
        let optimizer = try makeOptimizer(
          for: problem, "sgd", ["momentum": momentum], rate: "tlr", ["window_steps": Double(window)])
        for (step, rate) in wanted.enumerated() {
          XCTAssertEqual(
            try problem.step(optimizer).rate, rate, accuracy: 1e-11, "window \(window), step \(step)")
        }
        XCTAssertNotEqual(wanted.last, 0.01)
      }
    }
  }

  func testAFractionOfAnEpoch() throws {
    let (whole, part) = (Quadratic(), Quadratic())
    let a = try makeOptimizer(for: whole, rate: "tlr", ["window_steps": 4])
    let b = try makeOptimizer(for: part, rate: "tlr", ["window": 0.3, "steps_per_epoch": 15])
    for _ in 0..<13 { XCTAssertEqual(try whole.step(a).rate, try part.step(b).rate) }
    XCTAssertEqual(whole.bytes, part.bytes)
  }

  func testAnEpochOfUnknownLengthIsAnError() throws {
    for rate in ["tlr", "ntlr"] {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(for: problem, rate: rate)
      let (parameters, state) = (problem.bytes, optimizer.stateBytes)
      expectFailure(.value, ["window", "steps_per_epoch"]) { try problem.step(optimizer) }
      XCTAssertEqual(problem.bytes, parameters)
      XCTAssertEqual(optimizer.stateBytes, state)
      try optimizer.setProperty("steps_per_epoch", 6)
      try problem.step(optimizer)
    }
  }

  func testWindowsRememberTheGradientBefore() throws {
    let vectors = WindowGradient()
    let (a, b) = (Tensor([3], [1, 2, 3]), Tensor([3], [-1, 0.5, 2]))
    try vectors.allocate(makeSlot(a), StepMoment(step: 0, epoch: 1, window: 1, decay: 0))
    let first = vectors.roll(Double.self, gradient: a.storage, count: 3)
    XCTAssertEqual([first.dot, first.norm2], [0, 14])
    a.storage.zero()
    let second = vectors.roll(Double.self, gradient: b.storage, count: 3)
    XCTAssertEqual([second.dot, second.norm2], [6, 5.25])
  }
}
