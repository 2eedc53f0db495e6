import CLRSwift
import XCTest

@testable import CInterface

final class HistoryABITests: XCTestCase {
  func testNULLIsAnError() {
    XCTAssertNotEqual(lrs_optimizer_record(nil, 10), lrs_status(LRS_OK))
    XCTAssertNotEqual(lrs_optimizer_history(nil, nil, nil), lrs_status(LRS_OK))
    XCTAssertNotEqual(lrs_replay(nil, nil, nil, 0, nil, 0), lrs_status(LRS_OK))
  }

  func testCapacityAndHistoryAreChecked() {
    var optimizer: OpaquePointer?
    XCTAssertEqual(lrs_optimizer_create(&optimizer, "sgd", nil, 0, "l4", nil, 0), lrs_status(LRS_OK))
    defer { lrs_optimizer_destroy(optimizer) }
    XCTAssertEqual(lrs_optimizer_record(optimizer, -1), lrs_status(LRS_VALUE_ERROR))
    XCTAssertEqual(lrs_optimizer_record(optimizer, 100), lrs_status(LRS_OK))
    var rows: OpaquePointer?
    var fields: UnsafePointer<CChar>?
    XCTAssertEqual(lrs_optimizer_history(&rows, &fields, optimizer), lrs_status(LRS_OK))
    defer { lrs_tensor_destroy(rows) }
    XCTAssertTrue(String(cString: fields!).hasPrefix("step,machine,loss,"))
    var description = lrs_description()
    XCTAssertEqual(lrs_tensor_describe(&description, rows), lrs_status(LRS_OK))
    XCTAssertEqual(description.shape[0], 0)
    var rates: OpaquePointer?
    XCTAssertEqual(lrs_replay(&rates, "l4", nil, 0, rows, 0), lrs_status(LRS_OK))
    lrs_tensor_destroy(rates)
    var wrong: OpaquePointer?
    XCTAssertEqual(lrs_tensor_create(&wrong, lrs_dtype(LRS_FLOAT64), 1, [3], nil, false), lrs_status(LRS_OK))
    defer { lrs_tensor_destroy(wrong) }
    XCTAssertEqual(lrs_replay(&rates, "l4", nil, 0, wrong, 0), lrs_status(LRS_SHAPE_ERROR))
  }
}
