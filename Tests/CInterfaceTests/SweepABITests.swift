import CLRSwift
import XCTest

@testable import CInterface

final class SweepABITests: XCTestCase {
  private func loss(_ x: Handle) -> Handle {
    let square = applied("square", [x])
    defer { lrs_tensor_destroy(square) }
    return applied("sum", [square])
  }

  func testPortionsGiveWhatTheWholeGives() {
    let x = makeTensor([3], [1, 2, 3], requiresGrad: true)
    let y = loss(x)
    var (sweep, found, done) = (OpaquePointer?.none, OpaquePointer?.none, false)
    expectOK(lrs_sweep_create(&sweep, "gradients", y, nil, [x], nil, 1))
    var portions = 0
    while !done {
      expectOK(lrs_sweep_run(&done, sweep, 0))
      portions += 1
    }
    XCTAssertGreaterThan(portions, 1)
    expectOK(lrs_sweep_found(&found, 1, sweep))
    XCTAssertEqual(values(found!), [2, 4, 6])
    expect(LRS_VALUE_ERROR, "room was given for 2") { lrs_sweep_found(&found, 2, sweep) }
    for handle in [found!, y, x] { lrs_tensor_destroy(handle) }
    lrs_sweep_destroy(sweep)
    lrs_sweep_destroy(nil)
  }

  /// A sweep that is given up leaves nothing.
  func testGivenUpInTheMiddle() {
    let x = makeTensor([3], [1, 2, 3], requiresGrad: true)
    let y = loss(x)
    var (sweep, done, gradient) = (OpaquePointer?.none, false, OpaquePointer?.none)
    expectOK(lrs_sweep_create(&sweep, "backward", y, nil, nil, nil, 0))
    expectOK(lrs_sweep_run(&done, sweep, 0))
    XCTAssertFalse(done)
    // in the middle, the thread itself is in the way
    expect(LRS_BUSY, "this thread") { lrs_tensor_get_grad(&gradient, x) }
    XCTAssertFalse(lrs_wait_for_sweeps(0))
    lrs_sweep_destroy(sweep)
    expectOK(lrs_tensor_get_grad(&gradient, x))
    XCTAssertNil(gradient)
    expectOK(lrs_backward(y, nil))
    expectOK(lrs_tensor_get_grad(&gradient, x))
    XCTAssertEqual(values(gradient!), [2, 4, 6])
    for handle in [gradient!, y, x] { lrs_tensor_destroy(handle) }
  }

  func testArguments() {
    let x = makeTensor([3], [1, 2, 3], requiresGrad: true)
    var sweep: OpaquePointer?
    expect(LRS_VALUE_ERROR, "backward, gradients, jvp, hvp") {
      lrs_sweep_create(&sweep, "forward", x, nil, nil, nil, 0)
    }
    expect(LRS_VALUE_ERROR, "output must not be NULL") {
      lrs_sweep_create(&sweep, "hvp", nil, nil, nil, nil, 0)
    }
    expect(LRS_SHAPE_ERROR, "scalar") { lrs_sweep_create(&sweep, "backward", x, nil, nil, nil, 0) }
    XCTAssertNil(sweep)
    lrs_tensor_destroy(x)
  }
}
