//! Rows of accounts: registration, passwords, and what one is known as. Routes: `account.rs`, `setup.rs`, `password.rs`, parts of `users.rs`.

use serde_json::json;

use super::Shape;
use super::operation::Operation;
use super::refusals::Proof;
use crate::auth::Registration;
use crate::http::UserRoutes;
use crate::http::problem::Kind;

const TAG: &str = "Account";

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    vec![register(shape), set_up(), me(), test(), change_password(), reset(), user(shape), remove_user(shape)]
}

fn register(shape: &Shape) -> Operation {
    let mut body = literal!({"username": "arun", "password": "securepassword"});
    let note = match shape.registration {
        Registration::Open => "",
        Registration::Invite => "It takes an invite.",
        Registration::Closed => "It is closed.",
    };
    if shape.registration == Registration::Invite {
        body["invite"] = json!("doorward_invite_0123456789abcdef0123456789abcdef01234567");
    }
    let message = literal!({"message": "User has been created successfully"});
    Operation::new("POST /register", Proof::Anyone, TAG, "register", "Make an account")
        .note(note)
        .takes("Registration", &body)
        .gives(201, "There is such a user now.", "Message", &message)
        .with("Location")
        .refuses(&[Kind::RegistrationClosed, Kind::UsernameTaken])
}

fn set_up() -> Operation {
    let body =
        literal!({"code": "doorward_setup_0123456789abcdef0123456789abcdef01234567", "username": "boss", "password": "a keeper's lantern"});
    let message = literal!({"message": "User has been created successfully"});
    Operation::new("POST /setup", Proof::Anyone, TAG, "setUp", "Make the first administrator")
        .note("With the code of the link that the start of the server printed; once. Reserved names, too.")
        .takes("Setup", &body)
        .gives(201, "There is an administrator now.", "Message", &message)
        .with("Location")
        .refuses(&[Kind::InvalidCredentials, Kind::UsernameTaken])
}

fn me() -> Operation {
    let example = literal!({"id": 7, "username": "arun", "roles": ["editor"], "claims": {"department": "support"}});
    Operation::new("GET /me", Proof::Access, TAG, "me", "Who one is")
        .note("As the server knows it now, not as the token says.")
        .gives(200, "Oneself.", "Me", &example)
}

fn test() -> Operation {
    Operation::new("GET /test", Proof::Access, TAG, "test", "A protected route to try").without_storage().says("Auth Checked")
}

fn change_password() -> Operation {
    let body = literal!({"current_password": "securepassword", "new_password": "a door's blue kettle"});
    Operation::new("PUT /me/password", Proof::Fresh, TAG, "changePassword", "Change one's password")
        .note("All other sessions have ended then.")
        .takes("PasswordChange", &body)
        .says("Password has been changed successfully")
        .refuses(&[Kind::InvalidCredentials])
}

fn reset() -> Operation {
    let body = literal!({"code": "doorward_reset_7_0123456789abcdef0123456789abcdef01234567", "new_password": "a door's blue kettle"});
    Operation::new("POST /reset", Proof::Anyone, TAG, "redeemReset", "Set a new password with a reset code")
        .note("The code is good once; all of the user's sessions have ended then.")
        .takes("Redemption", &body)
        .says("Password has been reset successfully")
        .refuses(&[Kind::InvalidCredentials])
}

/// Who may use `/user/<id>`.
fn holder(shape: &Shape) -> Proof {
    match shape.user_routes {
        UserRoutes::Guarded => Proof::Holder,
        UserRoutes::Open => Proof::ThisMachine,
    }
}

fn user(shape: &Shape) -> Operation {
    Operation::new("GET /user/{id}", holder(shape), "Users", "user", "A user").of("UserId").gives(
        200,
        "The user.",
        "User",
        &literal!({"id": 7, "username": "arun"}),
    )
}

fn remove_user(shape: &Shape) -> Operation {
    let row = Operation::new("DELETE /user/{id}", holder(shape), "Users", "deleteUser", "Delete a user")
        .note("All of its sessions have ended then.")
        .of("UserId")
        .says("User has been deleted successfully")
        // Open or not, the last administrator stays.
        .refuses(&[Kind::Forbidden]);
    match shape.user_routes {
        UserRoutes::Guarded => row.note("Oneself with a fresh token.").refuses(&[Kind::FreshTokenRequired]),
        UserRoutes::Open => row,
    }
}
