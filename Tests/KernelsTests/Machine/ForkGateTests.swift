import CVector
import Foundation
import Synchronization
import TestSupport
import XCTest

@testable import Kernels

private final class Flag: Sendable {
  let isSet = Atomic(false)
}

final class ForkGateTests: XCTestCase {
  func testPassingIsNestedAndAlwaysEnds() throws {
    struct Stop: Error {}
    XCTAssertEqual(ForkGate.shared.pass { ForkGate.shared.pass { 3 } }, 3)
    XCTAssertThrowsError(try ForkGate.shared.pass { throw Stop() })
    XCTAssertEqual(cv_thread().pointee.inside, 0)
  }

  /// A child is forked between the steps of other threads: what they write together it sees together.
  func testAForkDoesNotCutAStep() {
    nonisolated(unsafe) let pair = UnsafeMutablePointer<Int>.allocate(capacity: 2)
    let stop = Flag()
    pair.update(repeating: 0, count: 2)
    let ended = DispatchSemaphore(value: 0)
    let generation = ForkGate.shared.generation
    Thread.detachNewThread {
      while !stop.isSet.load(ordering: .relaxed) {
        ForkGate.shared.pass {
          pair[0] += 1
          usleep(300)
          pair[1] += 1
        }
      }
      ended.signal()
    }
    for _ in 0..<20 {
      usleep(500)
      let whole = holdsInChild {
        // The gate is open in the child, and nobody is inside.
        pair[0] == pair[1] && ForkGate.shared.generation == generation + 1
          && ForkGate.shared.pass { true } && holdsInChild { ForkGate.shared.generation == generation + 2 }
      }
      XCTAssertTrue(whole)
    }
    stop.isSet.store(true, ordering: .relaxed)
    ended.wait()
  }
}
