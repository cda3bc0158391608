//! The closed list of what can happen.

/// How an event is kept. Each class has a ring of its own, so that a storm of one pushes out none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What administrators and the server do: changes what somebody may do, or how. Few.
    Act,
    /// Comes with people coming and going.
    Visit,
    /// Changes nothing, and anyone can cause it, as fast as the line carries: kept a little late, and not every one.
    Refusal,
    /// What users do to their own accounts: one who does it again and again must not push out who became an administrator.
    Own,
}

impl Class {
    /// Every one. The database knows them by their places here.
    pub const ALL: [Self; 4] = [Self::Act, Self::Visit, Self::Refusal, Self::Own];
}

macro_rules! words {
    ($($word:ident $text:literal $class:ident $message:literal;)+) => {
        /// What happened: the closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word {
            $(#[doc = $message] $word,)+
        }

        impl Word {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The text, the class, and what it says to people.
            pub(super) const fn row(self) -> (&'static str, Class, &'static str) {
                match self {
                    $(Self::$word => ($text, Class::$class, $message),)+
                }
            }
        }
    };
}

words! {
    Registered "registered" Visit "somebody registered";
    Login "login" Visit "a user logged in";
    Logout "logout" Visit "a session was ended by its user";
    SessionsEnded "sessions_ended" Visit "several sessions of a user were ended";
    LoginFailed "login_failed" Refusal "a login failed";
    PasswordRefused "password_refused" Refusal "a password was not changed: the current one was wrong";
    ResetRefused "reset_refused" Refusal "a reset code was refused";
    InviteRefused "invite_refused" Refusal "an invite was refused";
    SetupRefused "setup_refused" Refusal "a set-up code was refused";
    Throttled "throttled" Refusal "after too many failures somebody must wait";
    EventsDropped "events_dropped" Refusal "more events came than are kept";
    RefreshReused "refresh_reused" Own "a spent refresh token was used again: somebody has a copy; its session has ended";
    PasswordChanged "password_changed" Own "a user changed its password";
    ResetIssued "reset_issued" Act "a reset code was made";
    PasswordReset "password_reset" Own "a password was set with a reset code";
    UserAdded "user_added" Act "an administrator added a user";
    UsersImported "users_imported" Act "users of another program were imported";
    SetUp "set_up" Act "the first administrator was made with the set-up code";
    UserDeleted "user_deleted" Act "a user was deleted";
    UserDisabled "user_disabled" Act "a user was disabled; its sessions have ended";
    UserEnabled "user_enabled" Act "a user was enabled";
    UserUnlocked "user_unlocked" Act "a user need not wait any longer";
    AddressUnlocked "address_unlocked" Act "an address need not wait any longer";
    RolesChanged "roles_changed" Act "a user's roles were changed";
    ClaimsChanged "claims_changed" Act "a user's claims were changed";
    InviteMade "invite_made" Act "an invite was made";
    InviteDeleted "invite_deleted" Act "an invite was deleted";
    BackedUp "backed_up" Act "a backup of the database was made";
    Restored "restored" Act "the database was made of a backup";
    KeyAdded "key_added" Act "a signing key was made or imported";
    KeyActivated "key_activated" Act "a signing key took over";
    KeyRetired "key_retired" Act "a signing key was retired";
    ServiceAdded "service_added" Act "a service was added";
    ServiceRemoved "service_removed" Act "a service was removed";
    LogChanged "log_changed" Act "an administrator changed what is logged";
}

impl Word {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// How it is kept, if an administrator or the server did it, where users can do it to themselves as well.
    #[must_use]
    pub const fn class(self) -> Class {
        self.row().1
    }

    /// From its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_once_and_reads_back() {
        let words: std::collections::HashSet<_> = Word::ALL.iter().map(|word| word.as_str()).collect();
        assert_eq!(words.len(), Word::ALL.len());
        assert!(Word::ALL.iter().all(|word| Word::parse(word.as_str()) == Some(*word)));
        assert_eq!(Word::parse("Login"), None);
    }
}
