//! The two signatures of a rotation.

use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::signed::Signable;

use crate::label::Label;
use crate::sign::{DeviceSecret, Verified, VerifyError, open, verify_bytes};

/// Signs a rotation with the key that goes and the one that comes.
pub fn sign_rotation(statement: &DeviceRotation, old: &DeviceSecret, new: &DeviceSecret) -> Rotation {
    let statement = old.sign(statement);
    let by_new = new.sign_bytes(Label::of_object(DeviceRotation::LABEL), statement.body());
    Rotation { statement, by_new }
}

/// Checks both signatures of a rotation (KC-11).
///
/// # Errors
/// [`VerifyError`] when it is malformed, one of the signatures does not fit, or it has an unknown critical extension (KW-5).
pub fn open_rotation(rotation: &Rotation) -> Result<Verified<DeviceRotation>, VerifyError> {
    let verified = open(rotation.statement.clone())?;
    let label = Label::of_object(DeviceRotation::LABEL);
    if verify_bytes(&verified.get().new.0, label, rotation.statement.body(), &rotation.by_new) {
        Ok(verified)
    } else {
        Err(VerifyError::BadSignature)
    }
}
