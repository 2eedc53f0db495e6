import CVector
import Foundation
import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class ClaimTests: XCTestCase {
  private final class Box: @unchecked Sendable { var failures: [String] = [] }

  /// Runs `body` in a thread of its own, to its end.
  private func elsewhere(_ body: @escaping @Sendable () throws -> Void) -> String? {
    let (box, done) = (Box(), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      do { try body() } catch { box.failures.append("\(error)") }
      done.signal()
    }
    done.wait()
    return box.failures.first
  }

  func testARunIsAnErrorForOthersAndNotForItself() throws {
    nonisolated(unsafe) let (a, b) = (
      Tensor([2], [1, 2], requiresGrad: true), Tensor([1], [1], requiresGrad: true)
    )
    let run = try XCTUnwrap(Claim.take("a run", isRun: true, [a]))
    try Claim.check("grad", [a])
    try XCTUnwrap(Claim.take("curvature", [a, b])).release()
    for what in ["grad", "step"] {
      let said = try XCTUnwrap(elsewhere { try Claim.check(what, [b, a]) })
      for part in [what, "another thread", "a run", "(2,)"] { XCTAssertTrue(said.contains(part), said) }
    }
    XCTAssertNil(elsewhere { try Claim.check("grad", [b]) })
    XCTAssertTrue(try XCTUnwrap(elsewhere { _ = try Claim.take("backward", [a]) }).contains("a run"))
    XCTAssertFalse(Claim.waitForSweeps(seconds: 0))
    run.release()
    XCTAssertNil(elsewhere { try Claim.take("backward", [a])?.release() })
  }

  func testSweepsWaitForEachOther() throws {
    nonisolated(unsafe) let a = Tensor([2], [1, 2], requiresGrad: true)
    let sweep = try XCTUnwrap(Claim.take("backward", [a]))
    XCTAssertNil(
      elsewhere {
        guard try Claim.take("hvp", [a], seconds: 0.02) == nil else { throw Failure.value("was let in") }
      })
    XCTAssertTrue(try XCTUnwrap(elsewhere { try Claim.check("grad", [a]) }).contains("backward"))
    let waited = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      if let claim = try? Claim.take("hvp", [a]) { claim.release() }
      waited.signal()
    }
    usleep(20_000)
    sweep.release()
    XCTAssertEqual(waited.wait(timeout: .now() + 10), .success)
    // Who would wait for itself is told.
    let own = try XCTUnwrap(Claim.take("backward", [a]))
    expectFailure(.busy, ["hvp", "this thread", "backward"]) { _ = try Claim.take("hvp", [a]) }
    own.release()
  }

  func testGradientsOfThreadsAddUp() throws {
    nonisolated(unsafe) let w = Tensor([40, 40], (0..<1600).map { Double($0 % 7) - 3 }, requiresGrad: true)
    let box = Box()
    let losses = try (1...3).map { k in
      try apply(
        "affine", [apply("sum", [apply("square", [apply("matmul", [w, w])])])],
        ["scale": .numbers([Double(k)])])
    }
    let one = try Derivatives.gradients(losses[0], seed: nil, [w])[0]!.values
    for _ in 0..<20 {
      w.grad = nil
      let group = DispatchGroup()
      for loss in losses {
        nonisolated(unsafe) let loss = loss
        group.enter()
        Thread.detachNewThread {
          do { try Derivatives.backward(loss, seed: nil) } catch { box.failures.append("\(error)") }
          group.leave()
        }
      }
      group.wait()
      XCTAssertEqual(box.failures, [])
      expectClose(Double.self, w.grad!.values, one.map { 6 * $0 }, units: 64)
    }
  }
}
