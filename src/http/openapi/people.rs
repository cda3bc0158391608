//! Rows of accounts: registration, passwords, and what one is known as. Routes: `account.rs`, `setup.rs`, `password.rs`, parts of `users.rs`.

use super::Shape;
use super::operation::Operation;
use super::refusals::Proof;
use crate::auth::Registration;
use crate::http::UserRoutes;
use crate::http::problem::Kind;

const TAG: &str = "Account";

pub(super) fn operations(shape: &Shape) -> Vec<Operation> {
    [&[register(shape)], OPERATIONS, &of_user(shape)].concat()
}

fn register(shape: &Shape) -> Operation {
    match shape.registration {
        Registration::Open => REGISTER,
        Registration::Invite => REGISTER.note("It takes an invite.").takes("Registration", WITH_INVITE),
        Registration::Closed => REGISTER.note("It is closed."),
    }
}

const WITH_INVITE: &str = r#"{"username": "arun", "password": "securepassword",
    "invite": "doorward_invite_0123456789abcdef0123456789abcdef01234567"}"#;
const CREATED: &str = r#"{"message": "User has been created successfully"}"#;

const REGISTER: Operation = Operation::new("POST /register", Proof::Anyone, TAG, "register", "Make an account")
    .takes("Registration", r#"{"username": "arun", "password": "securepassword"}"#)
    .gives(201, "There is such a user now.", "Message", CREATED)
    .with(&["Location"])
    .refuses(&[Kind::RegistrationClosed, Kind::UsernameTaken]);

const OPERATIONS: &[Operation] = &[
    Operation::new("POST /setup", Proof::Anyone, TAG, "setUp", "Make the first administrator")
        .note("With the code of the link that the start of the server printed; once. Reserved names, too.")
        .takes(
            "Setup",
            r#"{"code": "doorward_setup_0123456789abcdef0123456789abcdef01234567", "username": "boss", "password": "a keeper's lantern"}"#,
        )
        .gives(201, "There is an administrator now.", "Message", CREATED)
        .with(&["Location"])
        .refuses(&[Kind::InvalidCredentials, Kind::UsernameTaken]),
    Operation::new("GET /me", Proof::Access, TAG, "me", "Who one is").note("As the server knows it now, not as the token says.").gives(
        200,
        "Oneself.",
        "Me",
        r#"{"id": 7, "username": "arun", "roles": ["editor"], "claims": {"department": "support"}}"#,
    ),
    Operation::new("GET /test", Proof::Access, TAG, "test", "A protected route to try").without_storage().says("Auth Checked"),
    Operation::new("PUT /me/password", Proof::Fresh, TAG, "changePassword", "Change one's password")
        .note("All other sessions have ended then.")
        .takes("PasswordChange", r#"{"current_password": "securepassword", "new_password": "a door's blue kettle"}"#)
        .says("Password has been changed successfully")
        .refuses(&[Kind::InvalidCredentials]),
    Operation::new("POST /reset", Proof::Anyone, TAG, "redeemReset", "Set a new password with a reset code")
        .note("The code is good once; all of the user's sessions have ended then.")
        .takes(
            "Redemption",
            r#"{"code": "doorward_reset_7_0123456789abcdef0123456789abcdef01234567", "new_password": "a door's blue kettle"}"#,
        )
        .says("Password has been reset successfully")
        .refuses(&[Kind::InvalidCredentials]),
];

/// `/user/<id>`: `user_routes` decides who may use it.
const fn of_user(shape: &Shape) -> [Operation; 2] {
    match shape.user_routes {
        UserRoutes::Guarded => [
            user(Proof::Holder),
            remove_user(Proof::Holder)
                .note("All of its sessions have ended then. Oneself with a fresh token.")
                .refuses(&[Kind::Forbidden, Kind::FreshTokenRequired]),
        ],
        UserRoutes::Open => [user(Proof::ThisMachine), remove_user(Proof::ThisMachine)],
    }
}

const fn user(proof: Proof) -> Operation {
    Operation::new("GET /user/{id}", proof, "Users", "user", "A user").of(&["UserId"]).gives(
        200,
        "The user.",
        "User",
        r#"{"id": 7, "username": "arun"}"#,
    )
}

const fn remove_user(proof: Proof) -> Operation {
    Operation::new("DELETE /user/{id}", proof, "Users", "deleteUser", "Delete a user")
        .note("All of its sessions have ended then.")
        .of(&["UserId"])
        .says("User has been deleted successfully")
        // Open or not, the last administrator stays.
        .refuses(&[Kind::Forbidden])
}
